//! The body of the hidden subcommand: becomes ClickHouse.

use std::error::Error;
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::thread;

use libloading::Library;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The name of the hidden subcommand: `PROGRAM clickhouse-child LIBRARY ARGUMENT...`.
pub const CLICKHOUSE_CHILD: &str = "clickhouse-child";

type QueryCmdline = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
type ResultError = unsafe extern "C" fn(*mut c_void) -> *const c_char;

/// Loads the library that the first argument names and runs it with the others, until it ends or our standard input
/// does. Call it first thing in `main`, before any thread is started, with what follows [`CLICKHOUSE_CHILD`].
pub fn clickhouse_child(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = io::stderr();
            // nothing else can be told to anybody if this fails
            drop(writeln!(stderr, "clickhouse-child: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[OsString]) -> io::Result<()> {
    let (library, args) = args.split_first().ok_or_else(|| io::Error::other("which library?"))?;
    terminal_on_stdin()?;
    query_cmdline(library, args)
}

/// Standard input must be a terminal for ClickHouse: with any other, a client that hangs up in mid-reply aborts the
/// whole process (ClickHouse issue 115666). It gets one of its own, on which nobody types until the end. What was
/// standard input before is a pipe from the parent; when the parent closes it, or is gone, we type the end.
fn terminal_on_stdin() -> io::Result<()> {
    let mut parent = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    rustix::stdio::dup2_stdin(&slave)?;
    let mut master = File::from(master);
    thread::Builder::new().name("parent-watch".to_owned()).spawn(move || {
        let mut byte = [0];
        while matches!(parent.read(&mut byte), Ok(1..)) {}
        // "exit" as a user would type it, and the sign for the end of the input
        drop(master.write_all(b"exit\n\x04"));
        // the terminal lives as long as its master is open: keep it until the process ends
        loop {
            thread::park();
        }
    })?;
    Ok(())
}

fn query_cmdline(library: &OsString, args: &[OsString]) -> io::Result<()> {
    let args: Vec<CString> = std::iter::once(Ok(CString::from(c"clickhouse")))
        .chain(args.iter().map(|arg| CString::new(arg.as_bytes())))
        .collect::<Result<_, _>>()?;
    let mut argv: Vec<*mut c_char> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
    let argc = c_int::try_from(argv.len()).map_err(io::Error::other)?;
    argv.push(std::ptr::null_mut());

    // SAFETY: the file is ClickHouse's library, checked by deploy/install against its checksum; its initialisers are
    // made to run in a process that has done nothing else.
    let library = unsafe { Library::new(library) }.map_err(|error| {
        // the reason, without which "dlopen failed" says nothing, is in the source
        let reason = error.source().map(ToString::to_string);
        io::Error::other(reason.unwrap_or_else(|| error.to_string()))
    })?;
    // SAFETY: these are the signatures in the library's header chdb.h for this version.
    let (query, error) = unsafe {
        (
            library.get::<QueryCmdline>(b"chdb_query_cmdline\0").map_err(io::Error::other)?,
            library.get::<ResultError>(b"chdb_result_error\0").map_err(io::Error::other)?,
        )
    };
    // SAFETY: argv holds argc strings that live until after the call, and the null that ends a C argument list.
    let result = unsafe { query(argc, argv.as_mut_ptr()) };
    if result.is_null() {
        return Err(io::Error::other("no result"));
    }
    // SAFETY: the result is the one just returned and has not been destroyed.
    let text = unsafe { error(result) };
    let failure = (!text.is_null()).then(|| {
        // SAFETY: a non-null error text ends in a null byte and lives as long as the result.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    });
    // its destructors are not made for being unloaded
    std::mem::forget(library);
    failure.map_or(Ok(()), |text| Err(io::Error::other(text)))
}
