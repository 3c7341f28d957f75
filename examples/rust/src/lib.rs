//! An input for tallyd in Rust, without crates: the memory that is available on this machine.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null;

#[macro_use]
mod tally;
use tally::*;

static COLUMNS: Shared<[Column; 3]> = Shared([
    column(text!("time"), null(), TALLY_TIME, TALLY_FIELD),
    column(text!("host"), null(), TALLY_TEXT, TALLY_TAG),
    column(text!("available"), text!("bytes"), TALLY_INT, TALLY_FIELD),
]);
static TABLE: Shared<Table> = Shared(Table {
    name: text!("machine_memory"),
    help: text!("Memory of the machine."),
    columns: &COLUMNS.0 as *const Column,
    n_columns: 3,
    kind: TALLY_SERIES,
    revision: 1,
    flags: 0,
});
static TABLES: Shared<[*const Table; 2]> = Shared([&TABLE.0, null()]);

/// What the daemon fills, by offset.
#[repr(C)]
struct Config {
    path: *const c_char,
}

static OPTIONS: Shared<[PluginOption; 2]> = Shared([
    PluginOption {
        name: text!("path"),
        fallback: text!("/proc/meminfo"),
        help: text!("the file to read, in the format of /proc/meminfo"),
        kind: TALLY_OPT_STRING,
        ..END
    },
    END,
]);

struct Memory {
    ctx: Context,
    config: *const Config,
}

fn available(path: &str) -> Result<i64, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure(EIO, format!("{path}: {e}")))?;
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<i64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| Failure(EIO, format!("{path}: no MemAvailable in it")))
}

impl Memory {
    fn gather(&self) -> Result<(), Failure> {
        let path = unsafe { CStr::from_ptr((*self.config).path) }.to_string_lossy();
        let bytes = available(&path)?;
        let mut rows = Rows::new(self.ctx, &TABLE.0)?;
        rows.add()?.int(0, self.ctx.now()).int(2, bytes).text(1, self.ctx.hostname())?;
        rows.emit() // it is no longer ours
    }
}

extern "C" fn gather(this: *mut c_void) -> c_int {
    let memory = unsafe { &*(this as *const Memory) };
    memory.ctx.guard(|| memory.gather())
}

extern "C" fn create(ctx: *mut Ctx, config: *const c_void, ret: *mut *mut c_void) -> c_int {
    let ctx = unsafe { Context::new(ctx) };
    let memory = Box::new(Memory { ctx, config: config as *const Config });
    unsafe { *ret = Box::into_raw(memory) as *mut c_void };
    0
}

extern "C" fn destroy(this: *mut c_void) {
    drop(unsafe { Box::from_raw(this as *mut Memory) });
}

static INPUT: Shared<Input> = Shared(Input {
    size: std::mem::size_of::<Input>() as u32,
    reserved: 0,
    interval: 10_000_000_000,
    gather: Some(gather),
    run: None,
});
static PLUGIN: Shared<Plugin> = Shared(Plugin {
    abi_major: 1,
    abi_minor: 0,
    size: std::mem::size_of::<Plugin>() as u32,
    name: text!("machine_memory"),
    version: text!("1.0.0"),
    help: text!("The memory that is available on this machine."),
    options: &OPTIONS.0 as *const PluginOption,
    config_size: std::mem::size_of::<Config>(),
    tables: &TABLES.0 as *const *const Table,
    metrics: null(),
    create: Some(create),
    start: None,
    interrupt: None,
    stop: None,
    destroy: Some(destroy),
    reconfigure: None,
    input: &INPUT.0,
    output: null(),
    buffer: null(),
    store: null(),
    cache: null(),
    watcher: null(),
});

#[no_mangle]
extern "C" fn tally_plugin() -> *const c_void {
    &PLUGIN.0 as *const Plugin as *const c_void
}
