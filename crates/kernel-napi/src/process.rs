//! The end of the process.

use napi_derive::napi;

/// Ends the process with this exit code, whatever its threads do. Node's own exit joins the threads of its pool first, and waits for ever for one that a disk or a database keeps.
#[napi(catch_unwind)]
pub fn end_process(code: i32) {
    // SAFETY: it takes no pointer, runs no code of this process any more, and does not return.
    unsafe { libc::_exit(code) }
}
