//! How the allocator of the C library shares memory between threads, and gives it back.
#![expect(unsafe_code, reason = "it is told by C functions")]

/// Has threads share as many arenas as there are processors, where nobody has said otherwise (`MALLOC_ARENA_MAX`).
///
/// The GNU C library gives threads up to eight arenas a processor, and what is free in one serves no other: with some
/// hundred threads that wait for each other, what lies there unused grows for as long as the service runs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn share_arenas() {
    use std::num::NonZeroUsize;
    use std::{env, thread};

    const LEAST: usize = 2;

    if env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let processors = thread::available_parallelism().map_or(LEAST, NonZeroUsize::get);
    let most = libc::c_int::try_from(processors.max(LEAST)).unwrap_or(libc::c_int::MAX);
    // SAFETY: it reads two numbers, and changes nothing that anybody has yet: the first thread is the only one.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, most) };
}

/// Gives what is free back to the system: what a burst took would else stay with us.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    // SAFETY: it touches nothing that is in use, and locks what it looks at.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries do otherwise.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) const fn share_arenas() {}

/// Other C libraries do otherwise.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) const fn give_back() {}
