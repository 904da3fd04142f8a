//! Names of requests: the caller's own, if it can stand in a log, or one of ours.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Maximum length of a caller's: with the gateway's name before it, it has to fit the name of a session.
const MAX: usize = 47;

/// What this process' names begin with, and how many there have been.
static OURS: LazyLock<(String, AtomicU64)> = LazyLock::new(|| {
    let random = RandomState::new().build_hasher().finish();
    (format!("{random:016x}"), AtomicU64::new(0))
});

/// The name of a request that came with this header.
pub fn of(given: Option<&str>) -> Arc<str> {
    let is_usable = |id: &&str| {
        (1..=MAX).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.:".contains(&c))
    };
    match given.filter(is_usable) {
        Some(id) => id.into(),
        None => format!("{}-{:x}", OURS.0, OURS.1.fetch_add(1, Ordering::Relaxed)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(&*of(Some("a-1.b_c:2")), "a-1.b_c:2");
        for other in ["", "a b", "a\"b", "ä", &"x".repeat(MAX + 1)] {
            assert_ne!(&*of(Some(other)), other);
        }
        assert_ne!(of(None), of(None));
        assert!(of(None).len() <= MAX);
    }
}
