//! Points at which a fault test may end the process, as `kill -9` would.
//!
//! `DPONE_FAILPOINT=D:3` aborts in step D when page 3 is journalled, `H:1` when page 1 was handed
//! over, `K:before` and `K:after` around the write of a slice's state, `K:load-before` and
//! `K:load-after` around that of a load that is cut. Only builds with debug assertions look.

/// Aborts the process if the environment names this point.
pub fn hit(letter: char, point: &str) {
    if cfg!(debug_assertions)
        && std::env::var("DPONE_FAILPOINT").is_ok_and(|named| named == format!("{letter}:{point}"))
    {
        std::process::abort();
    }
}
