//! An input for tallyd in Rust, without crates: the memory that is available on this machine.
//!
//! The declarations below are those of tallyd/plugin.h and tallyd/host.h, ABI 1.0, by hand; of a
//! struct that has a `size` the end may be left out, and of struct tally_host what is not called.
//! Layouts must agree with the headers: the daemon cannot check them.  A panic must not cross into
//! the daemon, so gather() catches it.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr::{null, null_mut};

const TALLY_TIME: u16 = 1;
const TALLY_INT: u16 = 2;
const TALLY_TEXT: u16 = 5;
const TALLY_FIELD: u16 = 0;
const TALLY_TAG: u16 = 1;
const TALLY_SERIES: u32 = 1;
const TALLY_OPT_STRING: u32 = 5;
const EIO: c_int = 5;
const ENOMEM: c_int = 12;

#[repr(C)]
struct Column {
    name: *const c_char,
    unit: *const c_char,
    help: *const c_char,
    kind: u16,
    role: u16,
    reserved: u32,
}

#[repr(C)]
struct Table {
    name: *const c_char,
    help: *const c_char,
    columns: *const Column,
    n_columns: u32,
    kind: u32,
    revision: u32,
    reserved: u32,
}

#[repr(C)]
union Value {
    i: i64,
    f: f64,
    text: *const c_char,
}

#[repr(C)]
struct Cell {
    value: Value,
    len: u32,
    set: u32,
}

#[repr(C)]
struct Batch {
    _private: [u8; 0],
}

#[repr(C)]
struct PluginOption {
    name: *const c_char,
    fallback: *const c_char,
    accepts: *const c_char,
    help: *const c_char,
    kind: u32,
    flags: u32,
    offset: usize,
    reserved: *const c_void,
}

#[repr(C)]
struct Input {
    size: u32,
    reserved: u32,
    interval: i64,
    gather: Option<extern "C" fn(*mut c_void) -> c_int>,
    run: Option<extern "C" fn(*mut c_void) -> c_int>,
}

#[repr(C)]
struct Plugin {
    abi_major: u32,
    abi_minor: u32,
    size: u32,
    name: *const c_char,
    version: *const c_char,
    help: *const c_char,
    options: *const PluginOption,
    config_size: usize,
    tables: *const *const Table,
    metrics: *const c_void,
    create: Option<extern "C" fn(*mut Ctx, *const c_void, *mut *mut c_void) -> c_int>,
    start: Option<extern "C" fn(*mut c_void) -> c_int>,
    interrupt: Option<extern "C" fn(*mut c_void)>,
    stop: Option<extern "C" fn(*mut c_void)>,
    destroy: Option<extern "C" fn(*mut c_void)>,
    reconfigure: Option<extern "C" fn(*mut c_void, *const c_void) -> c_int>,
    input: *const Input,
    output: *const c_void,
    buffer: *const c_void,
    store: *const c_void,
    cache: *const c_void,
    watcher: *const c_void,
}

/// log and report take a va_list: Rust calls log_text and report_text.
#[repr(C)]
struct Host {
    size: u32,
    reserved: u32,
    version: *const c_char,
    log: *const c_void,
    report: *const c_void,
    log_text: extern "C" fn(*mut Ctx, c_int, *const c_char, usize),
    report_text: extern "C" fn(*mut Ctx, c_int, *const c_char, usize),
    reason: *const c_void,
    stopping: *const c_void,
    stop_fd: *const c_void,
    sleep: *const c_void,
    now: extern "C" fn(*const Ctx) -> i64,
    monotonic: *const c_void,
    batch_new: extern "C" fn(*mut Ctx, *const Table) -> *mut Batch,
    batch_row: extern "C" fn(*mut Ctx, *mut Batch) -> *mut Cell,
    batch_copy: extern "C" fn(*mut Ctx, *mut Batch, *const c_char, usize) -> *const c_char,
    batch_adopt: *const c_void,
    batch_keep: *const c_void,
    batch_drop: extern "C" fn(*mut Ctx, *const Batch),
    batch_bytes: *const c_void,
    batch_encode: *const c_void,
    batch_decode: *const c_void,
    emit: extern "C" fn(*mut Ctx, *mut Batch, *const c_char, *const c_char) -> c_int,
}

#[repr(C)]
struct Ctx {
    size: u32,
    reserved: u32,
    host: *const Host,
    name: *const c_char,
    hostname: *const c_char,
}

/// Declarations are constants that any thread may read.
#[repr(transparent)]
struct Shared<T>(T);
unsafe impl<T> Sync for Shared<T> {}

macro_rules! text {
    ($text:literal) => {
        concat!($text, "\0").as_ptr() as *const c_char
    };
}

const fn column(name: *const c_char, unit: *const c_char, kind: u16, role: u16) -> Column {
    Column { name, unit, help: null(), kind, role, reserved: 0 }
}

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
    reserved: 0,
});
static TABLES: Shared<[*const Table; 2]> = Shared([&TABLE.0, null()]);

/// What the daemon fills, by offset.
#[repr(C)]
struct Config {
    path: *const c_char,
}

const END: PluginOption = PluginOption {
    name: null(),
    fallback: null(),
    accepts: null(),
    help: null(),
    kind: 0,
    flags: 0,
    offset: 0,
    reserved: null(),
};
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
    ctx: *mut Ctx,
    config: *const Config,
}

/// As tally_fail().
fn fail(ctx: *mut Ctx, error: c_int, text: &str) -> c_int {
    unsafe { ((*(*ctx).host).report_text)(ctx, error, text.as_ptr() as *const c_char, text.len()) };
    -error
}

fn available(path: &str) -> Result<i64, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<i64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| format!("{path}: no MemAvailable in it"))
}

impl Memory {
    fn gather(&self) -> c_int {
        let ctx = self.ctx;
        let path = unsafe { CStr::from_ptr((*self.config).path) }.to_string_lossy();
        let bytes = match available(&path) {
            Ok(bytes) => bytes,
            Err(why) => return fail(ctx, EIO, &why),
        };
        unsafe {
            let host = &*(*ctx).host;
            let batch = (host.batch_new)(ctx, &TABLE.0);
            let row = if batch.is_null() { null_mut() } else { (host.batch_row)(ctx, batch) };
            let name = CStr::from_ptr((*ctx).hostname).to_bytes();
            let copy = (host.batch_copy)(ctx, batch, name.as_ptr() as *const c_char, name.len());
            if row.is_null() || copy.is_null() {
                (host.batch_drop)(ctx, batch);
                return fail(ctx, ENOMEM, "no memory for a row");
            }
            *row = Cell { value: Value { i: (host.now)(ctx) }, len: 0, set: 1 };
            *row.add(1) = Cell { value: Value { text: copy }, len: name.len() as u32, set: 1 };
            *row.add(2) = Cell { value: Value { i: bytes }, len: 0, set: 1 };
            (host.emit)(ctx, batch, null(), null()) // it is no longer ours
        }
    }
}

extern "C" fn gather(this: *mut c_void) -> c_int {
    let memory = unsafe { &*(this as *const Memory) };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| memory.gather()))
        .unwrap_or_else(|_| fail(memory.ctx, EIO, "a panic in gather()"))
}

extern "C" fn create(ctx: *mut Ctx, config: *const c_void, ret: *mut *mut c_void) -> c_int {
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
