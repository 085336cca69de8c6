//! Faults as numbers, and the one thing that a slice from JavaScript does not promise.

use rotunda_kernel::Fault;

/// A length, or the fault's negative code.
pub fn length_or_code(result: Result<usize, Fault>) -> i32 {
    match result {
        Ok(length) => i32::try_from(length).unwrap_or(Fault::OutTooSmall.code()),
        Err(fault) => fault.code(),
    }
}

/// 0, or the fault's negative code.
pub fn code(result: Result<(), Fault>) -> i32 {
    result.err().map_or(0, Fault::code)
}

/// Whether `out` shares memory with an input: two views of one ArrayBuffer may. Such a call is refused untouched.
pub fn overlaps(out: &[u8], inputs: &[&[u8]]) -> bool {
    let range = out.as_ptr_range();
    inputs.iter().any(|input| {
        let other = input.as_ptr_range();
        !input.is_empty() && other.start < range.end && range.start < other.end
    })
}
