//! The compiler of libpcap, loaded when the first filter is compiled.
//!
//! Loaded and not linked, so that a machine without libpcap builds and runs everything else.
#![allow(unsafe_code, reason = "functions of a C library that is found at run time")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
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

/// PCAP_ERRBUF_SIZE.
const ERROR_BYTES: usize = 256;

/// `struct bpf_program`.
#[repr(C)]
struct Program {
    length: c_uint,
    instructions: *mut libc::sock_filter,
}

/// The functions that are called, as `pcap/pcap.h` declares them; `pcap_t` is never looked into.
#[derive(Clone, Copy)]
struct Library {
    open: unsafe extern "C" fn(*mut libc::FILE, *mut c_char) -> *mut c_void,
    compile: unsafe extern "C" fn(*mut c_void, *mut Program, *const c_char, c_int, c_uint) -> c_int,
    error: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    free_code: unsafe extern "C" fn(*mut Program),
    close: unsafe extern "C" fn(*mut c_void),
}

/// Compiles a filter; `terminated` is the same text.
pub(super) fn compile(text: &str, terminated: &CString, link_type: u16) -> Result<Vec<Instruction>, BpfError> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    /// Older releases of libpcap keep the state of the compiler in global variables.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let library = LIBRARY.get_or_init(Library::load).as_ref().map_err(|cause| BpfError::NoCompiler { cause: cause.clone() })?;
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = |message| BpfError::Refused { text: text.to_owned(), message };
    let handle = library.open_empty(link_type).map_err(refused)?;
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
        let mut opened = NAMES.iter().map(|name| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) });
        let library = opened.find(|library| !library.is_null()).ok_or_else(linker_error)?;
        // SAFETY: the types of the functions are those of `pcap/pcap.h`, the same since libpcap 0.9. The library is never closed, so
        // they stay.
        unsafe {
            Ok(Library {
                open: mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut libc::FILE, *mut c_char) -> *mut c_void>(symbol(
                    library,
                    c"pcap_fopen_offline",
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

    /// Opens a capture file without frames, which lives in memory. Filters are compiled for it as for any file: for an interface, and for no
    /// capture at all, some link types have other rules.
    fn open_empty(&self, link_type: u16) -> Result<*mut c_void, String> {
        let mut header = empty_capture(link_type);
        // SAFETY: the file is read while it is opened and never after that, so the header lives long enough.
        let file = unsafe { libc::fmemopen(header.as_mut_ptr().cast(), header.len(), c"r".as_ptr()) };
        if file.is_null() {
            return Err(io::Error::last_os_error().to_string());
        }
        let mut message: [c_char; ERROR_BYTES] = [0; ERROR_BYTES];
        // SAFETY: the file is open, and the message has the length that the library counts on. The handle owns the file.
        let handle = unsafe { (self.open)(file, message.as_mut_ptr()) };
        if handle.is_null() {
            // SAFETY: without a handle the file is still ours.
            unsafe { libc::fclose(file) };
            // SAFETY: the library ends its message with a zero octet.
            return Err(unsafe { CStr::from_ptr(message.as_ptr()) }.to_string_lossy().into_owned());
        }
        Ok(handle)
    }
}

/// The header of a pcap file in the order of this machine, version 2.4.
fn empty_capture(link_type: u16) -> [u8; 24] {
    let mut header = [0; 24];
    let words = [0xa1b2_c3d4, u32::from_ne_bytes(version_2_4()), 0, 0, WHOLE_FRAME, link_type.into()];
    header.as_chunks_mut().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_ne_bytes());
    header
}

fn version_2_4() -> [u8; 4] {
    let [[a, b], [c, d]] = [2_u16, 4].map(u16::to_ne_bytes);
    [a, b, c, d]
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
