//! Parts of untrusted logins and SQL text: keys by their form, their secrets, lists of namespaces, versions.
#![no_main]

use conifer_pure::pinecone::access::{api_key, scope};
use conifer_pure::version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut masked = bytes.to_vec();
    let any = api_key::mask(&mut masked);
    assert_eq!((any, masked.len()), (api_key::has_secret(bytes), bytes.len()));
    assert!(bytes.iter().zip(&masked).all(|(before, after)| before == after || *after == b'*'));

    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Masked bytes are ASCII, so that a text stays valid UTF-8.
    assert!(std::str::from_utf8(&masked).is_ok());
    if let Some(role) = api_key::role_of(text) {
        assert!(api_key::is_role(role) && any);
    }
    if let Ok(lists) = scope::parse(text) {
        assert!(lists.values().map(|names| names.len()).sum::<usize>() <= scope::MAX_NAMESPACES);
    }
    let (one, other) = text.split_once(' ').unwrap_or((text, ""));
    assert_eq!(version::compare(one, other), version::compare(other, one).reverse());
    let _ = version::of_control(text);
});
