//! The ABI of tallyd/plugin.h and host.h (1.0) by hand, and thin wrappers: a batch that drops itself,
//! errors as Result, panics that stop where the daemon begins.
//!
//! Layouts must agree with the headers: the daemon cannot check them.  Of a struct that has a `size`
//! the end may be left out, and of struct tally_host what is not called.

#![allow(dead_code)] // a plugin uses some of it

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::null;

pub const TALLY_TIME: u16 = 1;
pub const TALLY_INT: u16 = 2;
pub const TALLY_TEXT: u16 = 5;
pub const TALLY_FIELD: u16 = 0;
pub const TALLY_TAG: u16 = 1;
pub const TALLY_SERIES: u32 = 1;
pub const TALLY_OPT_STRING: u32 = 5;
pub const EIO: c_int = 5;
pub const ENOMEM: c_int = 12;

#[repr(C)]
pub struct Column {
    pub name: *const c_char,
    pub unit: *const c_char,
    pub help: *const c_char,
    pub kind: u16,
    pub role: u16,
    pub reserved: u32,
}

#[repr(C)]
pub struct Table {
    pub name: *const c_char,
    pub help: *const c_char,
    pub columns: *const Column,
    pub n_columns: u32,
    pub kind: u32,
    pub revision: u32,
    pub flags: u32,
}

#[repr(C)]
pub union Value {
    pub i: i64,
    pub f: f64,
    pub text: *const c_char,
}

#[repr(C)]
pub struct Cell {
    pub value: Value,
    pub len: u32,
    pub set: u32,
}

#[repr(C)]
pub struct Batch {
    _private: [u8; 0],
}

#[repr(C)]
pub struct PluginOption {
    pub name: *const c_char,
    pub fallback: *const c_char,
    pub accepts: *const c_char,
    pub help: *const c_char,
    pub kind: u32,
    pub flags: u32,
    pub offset: usize,
    pub reserved: *const c_void,
}

#[repr(C)]
pub struct Input {
    pub size: u32,
    pub reserved: u32,
    pub interval: i64,
    pub gather: Option<extern "C" fn(*mut c_void) -> c_int>,
    pub run: Option<extern "C" fn(*mut c_void) -> c_int>,
}

#[repr(C)]
pub struct Plugin {
    pub abi_major: u32,
    pub abi_minor: u32,
    pub size: u32,
    pub name: *const c_char,
    pub version: *const c_char,
    pub help: *const c_char,
    pub options: *const PluginOption,
    pub config_size: usize,
    pub tables: *const *const Table,
    pub metrics: *const c_void,
    pub create: Option<extern "C" fn(*mut Ctx, *const c_void, *mut *mut c_void) -> c_int>,
    pub start: Option<extern "C" fn(*mut c_void) -> c_int>,
    pub interrupt: Option<extern "C" fn(*mut c_void)>,
    pub stop: Option<extern "C" fn(*mut c_void)>,
    pub destroy: Option<extern "C" fn(*mut c_void)>,
    pub reconfigure: Option<extern "C" fn(*mut c_void, *const c_void) -> c_int>,
    pub input: *const Input,
    pub output: *const c_void,
    pub buffer: *const c_void,
    pub store: *const c_void,
    pub cache: *const c_void,
    pub watcher: *const c_void,
}

/// log and report take a va_list: Rust calls log_text and report_text.
#[repr(C)]
pub struct Host {
    pub size: u32,
    pub reserved: u32,
    pub version: *const c_char,
    pub log: *const c_void,
    pub report: *const c_void,
    pub log_text: extern "C" fn(*mut Ctx, c_int, *const c_char, usize),
    pub report_text: extern "C" fn(*mut Ctx, c_int, *const c_char, usize),
    pub reason: *const c_void,
    pub stopping: *const c_void,
    pub stop_fd: *const c_void,
    pub sleep: *const c_void,
    pub now: extern "C" fn(*const Ctx) -> i64,
    pub monotonic: *const c_void,
    pub batch_new: extern "C" fn(*mut Ctx, *const Table) -> *mut Batch,
    pub batch_row: extern "C" fn(*mut Ctx, *mut Batch) -> *mut Cell,
    pub batch_copy: extern "C" fn(*mut Ctx, *mut Batch, *const c_char, usize) -> *const c_char,
    pub batch_adopt: *const c_void,
    pub batch_keep: *const c_void,
    pub batch_drop: extern "C" fn(*mut Ctx, *const Batch),
    pub batch_bytes: *const c_void,
    pub batch_encode: *const c_void,
    pub batch_decode: *const c_void,
    pub emit: extern "C" fn(*mut Ctx, *mut Batch, *const c_char, *const c_char) -> c_int,
}

#[repr(C)]
pub struct Ctx {
    pub size: u32,
    pub reserved: u32,
    pub host: *const Host,
    pub name: *const c_char,
    pub hostname: *const c_char,
}

/// Declarations are constants that any thread may read.
#[repr(transparent)]
pub struct Shared<T>(pub T);
unsafe impl<T> Sync for Shared<T> {}

#[macro_export]
macro_rules! text {
    ($text:literal) => {
        concat!($text, "\0").as_ptr() as *const std::os::raw::c_char
    };
}

pub const fn column(name: *const c_char, unit: *const c_char, kind: u16, role: u16) -> Column {
    Column { name, unit, help: null(), kind, role, reserved: 0 }
}

/// The end of a list of options, and what an option leaves out.
pub const END: PluginOption = PluginOption {
    name: null(),
    fallback: null(),
    accepts: null(),
    help: null(),
    kind: 0,
    flags: 0,
    offset: 0,
    reserved: null(),
};

/// Why a call fails: errno, and words for the operator.
pub struct Failure(pub c_int, pub String);

/// The instance's ctx.
#[derive(Clone, Copy)]
pub struct Context(*mut Ctx);

impl Context {
    /// # Safety
    /// ctx is what create() was given, and the instance lives.
    pub unsafe fn new(ctx: *mut Ctx) -> Self {
        Context(ctx)
    }
    fn host(&self) -> &Host {
        unsafe { &*(*self.0).host }
    }
    pub fn hostname(&self) -> &str {
        unsafe { CStr::from_ptr((*self.0).hostname) }.to_str().unwrap_or("?")
    }
    pub fn now(&self) -> i64 {
        (self.host().now)(self.0)
    }
    pub fn log(&self, level: c_int, text: &str) {
        (self.host().log_text)(self.0, level, text.as_ptr() as *const c_char, text.len())
    }
    /// As tally_fail().
    pub fn fail(&self, failure: Failure) -> c_int {
        let Failure(error, text) = failure;
        (self.host().report_text)(self.0, error, text.as_ptr() as *const c_char, text.len());
        -error
    }
    /// Does what a call is for, and returns what the daemon is told: 0, or -errno of a failure, or
    /// of a panic, which must not cross into the daemon.
    pub fn guard<F: FnOnce() -> Result<(), Failure>>(&self, function: F) -> c_int {
        match catch_unwind(AssertUnwindSafe(function)) {
            Ok(Ok(())) => 0,
            Ok(Err(failure)) => self.fail(failure),
            Err(_) => self.fail(Failure(EIO, "a panic".to_string())),
        }
    }
}

/// A batch under construction; dropped at the end of its scope unless it was emitted.
pub struct Rows {
    ctx: Context,
    batch: *mut Batch,
}

fn no_memory() -> Failure {
    Failure(ENOMEM, "no memory for a row".to_string())
}

impl Rows {
    pub fn new(ctx: Context, table: &'static Table) -> Result<Rows, Failure> {
        let batch = (ctx.host().batch_new)(ctx.0, table);
        if batch.is_null() {
            return Err(no_memory());
        }
        Ok(Rows { ctx, batch })
    }
    /// A row of NULLs; valid until the next one is added.
    pub fn add(&mut self) -> Result<Row<'_>, Failure> {
        let cells = (self.ctx.host().batch_row)(self.ctx.0, self.batch);
        if cells.is_null() {
            return Err(no_memory());
        }
        Ok(Row { rows: self, cells })
    }
    /// The batch is the core's then, whatever comes back.
    pub fn emit(mut self) -> Result<(), Failure> {
        let batch = std::mem::replace(&mut self.batch, std::ptr::null_mut());
        match (self.ctx.host().emit)(self.ctx.0, batch, null(), null()) {
            0 => Ok(()),
            r => Err(Failure(-r, "the rows were not taken".to_string())),
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if !self.batch.is_null() {
            (self.ctx.host().batch_drop)(self.ctx.0, self.batch)
        }
    }
}

pub struct Row<'a> {
    rows: &'a mut Rows,
    cells: *mut Cell,
}

impl Row<'_> {
    /// INT, TIME and BOOL columns.
    pub fn int(&mut self, column: usize, value: i64) -> &mut Self {
        unsafe { *self.cells.add(column) = Cell { value: Value { i: value }, len: 0, set: 1 } };
        self
    }
    pub fn real(&mut self, column: usize, value: f64) -> &mut Self {
        unsafe { *self.cells.add(column) = Cell { value: Value { f: value }, len: 0, set: 1 } };
        self
    }
    /// TEXT and JSON columns; the batch copies it.
    pub fn text(&mut self, column: usize, text: &str) -> Result<&mut Self, Failure> {
        let ctx = self.rows.ctx;
        let copy = (ctx.host().batch_copy)(
            ctx.0,
            self.rows.batch,
            text.as_ptr() as *const c_char,
            text.len(),
        );
        if copy.is_null() {
            return Err(no_memory());
        }
        let cell = Cell { value: Value { text: copy }, len: text.len() as u32, set: 1 };
        unsafe { *self.cells.add(column) = cell };
        Ok(self)
    }
}
