//! The compiler of libpcap, loaded when the first filter is compiled.
//!
//! Loaded and not linked, so that a machine without libpcap builds and runs everything else.
#![allow(unsafe_code, reason = "functions of a C library that is found at run time")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::mem;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::{BpfError, Instruction, WHOLE_FRAME};

/// The names of the library: of Debian and its kin, of everybody else, of development packages.
const NAMES: [&CStr; 3] = [c"libpcap.so.0.8", c"libpcap.so.1", c"libpcap.so"];
/// PCAP_NETMASK_UNKNOWN: without it, `ip broadcast` is refused.
const NO_NETMASK: c_uint = 0xffff_ffff;
/// Compile with libpcap's optimiser, as tcpdump does.
const OPTIMISE: c_int = 1;

/// `struct bpf_program`.
#[repr(C)]
struct Program {
    length: c_uint,
    instructions: *mut libc::sock_filter,
}

/// The functions that are called, as `pcap/pcap.h` declares them; `pcap_t` is never looked into.
#[derive(Clone, Copy)]
struct Library {
    open_dead: unsafe extern "C" fn(c_int, c_int) -> *mut c_void,
    compile: unsafe extern "C" fn(*mut c_void, *mut Program, *const c_char, c_int, c_uint) -> c_int,
    error: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    free_code: unsafe extern "C" fn(*mut Program),
    close: unsafe extern "C" fn(*mut c_void),
}

/// Compiles a filter; `terminated` is the same text.
pub(super) fn compile(text: &str, terminated: &CString, dlt: c_int) -> Result<Vec<Instruction>, BpfError> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    /// Older releases of libpcap keep the state of the compiler in global variables.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let library = LIBRARY.get_or_init(Library::load).as_ref().map_err(|cause| BpfError::NoCompiler { cause: cause.clone() })?;
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = |message: String| BpfError::Refused { text: text.to_owned(), message };
    // SAFETY: takes two numbers; what it returns is only handed back to the library.
    let handle = unsafe { (library.open_dead)(dlt, WHOLE_FRAME as c_int) };
    if handle.is_null() {
        return Err(refused("libpcap has no memory".to_owned()));
    }
    let mut program = Program { length: 0, instructions: ptr::null_mut() };
    // SAFETY: the handle is open, the program is ours, and the text ends with a zero octet.
    let outcome = unsafe { (library.compile)(handle, &raw mut program, terminated.as_ptr(), OPTIMISE, NO_NETMASK) };
    let result = if outcome == 0 && !program.instructions.is_null() {
        // SAFETY: after success the program has `length` instructions, which live until they are freed below.
        let instructions = unsafe { std::slice::from_raw_parts(program.instructions, program.length as usize) };
        let copied = instructions.iter().map(Instruction::from).collect();
        // SAFETY: the library made the program; the slice is not used any more.
        unsafe { (library.free_code)(&raw mut program) };
        Ok(copied)
    } else {
        // SAFETY: the handle is open; its message is a C string that lives as long as the handle.
        let message = unsafe { CStr::from_ptr((library.error)(handle)) };
        Err(refused(message.to_string_lossy().into_owned()))
    };
    // SAFETY: the handle is open and not used any more.
    unsafe { (library.close)(handle) };
    result
}

impl Library {
    fn load() -> Result<Library, String> {
        // SAFETY: the names end with a zero octet; the initialisers of libpcap have no demands.
        let opened = NAMES.iter().map(|name| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) });
        let library = opened.into_iter().find(|library| !library.is_null()).ok_or_else(linker_error)?;
        // SAFETY: the types of the functions are those of `pcap/pcap.h`, the same since libpcap 0.7. The library is never closed, so
        // they stay.
        unsafe {
            Ok(Library {
                open_dead: mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, c_int) -> *mut c_void>(symbol(
                    library,
                    c"pcap_open_dead",
                )?),
                compile: mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut c_void, *mut Program, *const c_char, c_int, c_uint) -> c_int,
                >(symbol(library, c"pcap_compile")?),
                error: mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> *const c_char>(symbol(
                    library,
                    c"pcap_geterr",
                )?),
                free_code: mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut Program)>(symbol(library, c"pcap_freecode")?),
                close: mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(symbol(library, c"pcap_close")?),
            })
        }
    }
}

fn symbol(library: *mut c_void, name: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: the library is open and the name ends with a zero octet.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    if found.is_null() { Err(linker_error()) } else { Ok(found) }
}

fn linker_error() -> String {
    // SAFETY: returns a C string that lives until the next call of this thread, or null.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "not found".to_owned();
    }
    // SAFETY: not null, so it is such a string.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

impl From<&libc::sock_filter> for Instruction {
    fn from(filter: &libc::sock_filter) -> Self {
        Instruction { code: filter.code, jump_true: filter.jt, jump_false: filter.jf, k: filter.k }
    }
}
