//! The form of an API key: `cfk_<id>_<secret>`, 73 characters.
//!
//! The id is 80 random bits and also the name of the key's login role, `cfk_<id>`; the secret is 256. Both are in the
//! lower case of Crockford's base 32 (no i, l, o, u): a role name that needs no quotes, and a text that survives
//! shells, URLs and a double click. The prefix is Conifer's, so that scanners for leaked secrets tell its keys from others.

use std::hint::black_box;
use std::ops::Range;

/// The prefix of a key's role, before the id.
pub const PREFIX: &str = "cfk_";
/// Random bytes of an id.
pub const ID_BYTES: usize = 10;
/// Random bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// Characters of the name of a key's role.
pub const ROLE_LEN: usize = PREFIX.len() + ID_LEN;
/// Characters of a whole key.
pub const LEN: usize = ROLE_LEN + 1 + SECRET_LEN;

const ID_LEN: usize = 16;
const SECRET_LEN: usize = 52;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of a key's role.
pub fn role(id: &[u8; ID_BYTES]) -> String {
    format!("{PREFIX}{}", base32(id))
}

/// The name of a group's role: of a project, or of an index.
pub fn group(id: &[u8; ID_BYTES], of_index: bool) -> String {
    format!("{}{}", if of_index { "cfi_" } else { "cfp_" }, base32(id))
}

/// The whole key, which only its owner is to see.
pub fn whole(role: &str, secret: &[u8; SECRET_BYTES]) -> String {
    format!("{role}_{}", base32(secret))
}

/// The role of a whole key; none if the text has not the form of a key.
pub fn role_of(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    (text.len() == LEN && form(bytes, false) == Some(LEN)).then(|| &text[..ROLE_LEN])
}

/// Whether a text has the form of the name of a key's role.
pub fn is_role(text: &str) -> bool {
    text.len() == ROLE_LEN && text.starts_with(PREFIX) && text[PREFIX.len()..].bytes().all(is_digit)
}

/// Whether a text is the name of a group's role, of this library's own: of an index, of a project, of all keys or of all people, or the
/// owner's. Such a role acts as nobody. The group of pooled sessions is as nobody as a pooled session.
pub fn is_group(text: &str) -> bool {
    let of = |prefix| {
        text.strip_prefix(prefix).is_some_and(|id: &str| id.len() == ID_LEN && id.bytes().all(is_digit))
    };
    of("cfp_") || of("cfi_") || ["conifer_owner", "conifer_keys", "conifer_people"].contains(&text)
}

/// The bytes of a key that are hashed. They name the role, so a hash is of no use in another key's row.
pub fn hashed(role: &str, whole: &str) -> Vec<u8> {
    [b"conifer-key-v1", role.as_bytes(), b"\0", whole.as_bytes()].concat()
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| black_box(all | (x ^ y))) == 0
}

/// Whether a text holds a secret that `mask` would strike out.
pub fn has_secret(text: &[u8]) -> bool {
    (0..text.len()).any(|at| secret(text, at).is_some())
}

/// Strikes out the secrets of all keys in a text, and of all verifiers that the server checks passwords against, by as many
/// characters: positions in the text stay right. True if there are any. Takes no memory.
pub fn mask(text: &mut [u8]) -> bool {
    let mut any = false;
    // A key may begin within another: the other is cut off where the first one's secret was struck out, and still found.
    for at in (0..text.len()).rev() {
        if let Some(secret) = secret(text, at) {
            text[secret].fill(b'*');
            any = true;
        }
    }
    any
}

/// Where the secret lies of a key or verifier that begins at `at`; of one that is cut off, as far as it goes.
fn secret(text: &[u8], at: usize) -> Option<Range<usize>> {
    let from = &text[at..];
    if !from[0].eq_ignore_ascii_case(&PREFIX.as_bytes()[0]) && from[0] != VERIFIER[0] {
        return None;
    }
    // Whoever reads a key in other letters can write it in the right ones.
    let secret = match form(from, true) {
        Some(len) => ROLE_LEN + 1..len,
        None => {
            let verifier = from.strip_prefix(VERIFIER)?;
            let len = verifier.iter().take_while(|c| is_verifying(**c)).count();
            VERIFIER.len()..VERIFIER.len() + len
        }
    };
    (!secret.is_empty()).then_some(at + secret.start..at + secret.end)
}

/// The beginning of a verifier.
const VERIFIER: &[u8] = b"SCRAM-SHA-256$";

fn is_verifying(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"+/=:$".contains(&c)
}

/// Length of the key that a text begins with, in lower case or in any: whole, or cut off by the end of its secret's characters.
fn form(text: &[u8], any_case: bool) -> Option<usize> {
    let is_digit = |c: &u8| is_digit(if any_case { c.to_ascii_lowercase() } else { *c });
    let (prefix, id) = text.get(..ROLE_LEN)?.split_at(PREFIX.len());
    let is_prefix =
        if any_case { prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) } else { prefix == PREFIX.as_bytes() };
    if !is_prefix || !id.iter().all(is_digit) || *text.get(ROLE_LEN)? != b'_' {
        return None;
    }
    let secret = text[ROLE_LEN + 1..].iter().take_while(|c| is_digit(c)).take(SECRET_LEN).count();
    (secret > 0).then_some(ROLE_LEN + 1 + secret)
}

fn is_digit(c: u8) -> bool {
    ALPHABET.contains(&c)
}

/// Five bits a character, the highest first.
fn base32(bytes: &[u8]) -> String {
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |byte| usize::from(byte >> (7 - i % 8) & 1));
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|i| ALPHABET[(0..5).fold(0, |value, j| value << 1 | bit(5 * i + j))] as char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (String, String) {
        let role = role(&[0, 68, 50, 20, 199, 66, 84, 182, 53, 207]);
        let whole = whole(&role, &[0xff; 32]);
        (role, whole)
    }

    #[test]
    fn form_of_a_key() {
        let (role, whole) = sample();
        // All 16 first digits in order: 00000 00001 …
        assert_eq!(role, "cfk_0123456789abcdef");
        assert_eq!((role.len(), whole.len()), (ROLE_LEN, LEN));
        assert!(whole.ends_with('g'), "the last character holds one bit");
        assert_eq!(role_of(&whole), Some(&*role));
        assert!(is_role(&role) && !is_role(&whole) && !is_role("cfk_0123456789abcdeu"));
    }

    #[test]
    fn other_texts_are_no_keys() {
        let (_, whole) = sample();
        for other in [
            "",
            "cfk_",
            &whole[..LEN - 1],
            &format!("{whole}0"),
            &whole.to_uppercase(),
            &whole.replace("zz", "zi"),
            &whole.replacen("cfk_", "pcsk", 1),
            &whole.replacen("f_", "f-", 1),
        ] {
            assert_eq!(role_of(other), None, "{other}");
        }
    }

    #[test]
    fn groups() {
        for name in [
            "conifer_owner",
            "conifer_keys",
            "conifer_people",
            "cfp_0123456789abcdef",
            "cfi_0123456789abcdef",
        ] {
            assert!(is_group(name), "{name}");
        }
        for name in [
            "conifer_gateway",
            "conifer",
            "cfk_0123456789abcdef",
            "cfp_0123456789abcde",
            "cfp_0123456789abcdeu",
            "cfp_",
            "",
        ] {
            assert!(!is_group(name), "{name}");
        }
    }

    #[test]
    fn hashes_compare() {
        assert!(same(&[1, 2, 3], &[1, 2, 3]));
        assert!(!same(&[1, 2, 3], &[1, 2, 4]) && !same(&[1, 2], &[1, 2, 3]) && !same(&[9, 2, 3], &[1, 2, 3]));
        assert_ne!(hashed("cfk_a", "x"), hashed("cfk_b", "x"));
    }

    /// A text with its secrets struck out, if there are any.
    fn masked(text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        let found = mask(&mut bytes);
        assert_eq!((found, found), (has_secret(text.as_bytes()), bytes != text.as_bytes()));
        assert!(!has_secret(&bytes), "what is struck out is no secret");
        found.then(|| String::from_utf8(bytes).expect("ASCII"))
    }

    #[test]
    fn secrets_are_struck_out() {
        let (role, whole) = sample();
        let stars = |n| "*".repeat(n);
        let hidden = format!("{role}_{}", stars(SECRET_LEN));
        let text = format!("select pc_use_key('{whole}'), '{role}', '{whole}';");
        assert_eq!(masked(&text), Some(format!("select pc_use_key('{hidden}'), '{role}', '{hidden}';")));
        assert_eq!(masked(&format!("cfk_ {role} cfk_cfk_")), None);
        assert_eq!(masked(&whole[..40]), Some(format!("{role}_{}", stars(40 - ROLE_LEN - 1))));
        assert_eq!(masked("nothing"), None);
        // In any letters: the right ones are easily found.
        assert_eq!(masked(&whole.to_uppercase()), Some(hidden.to_uppercase()));
        let mixed = whole.replacen("cfk_01", "cFK_01", 1).replace('z', "Z");
        assert_eq!(masked(&mixed), Some(hidden.replacen("cfk_", "cFK_", 1)));
        let verifier = "4096:YNG+p4/GrEkg==$Hea=:Z4g+lrHlV3=";
        let text = format!("x SCRAM-SHA-256${verifier}' y");
        assert_eq!(masked(&text), Some(format!("x SCRAM-SHA-256${}' y", stars(verifier.len()))));
        assert_eq!(masked("SCRAM-SHA-256 is not SCRAM-SHA-256$"), None);
        assert_eq!(masked(&format!("cfk_{whole}")), Some(format!("cfk_{hidden}")));
        // A key that begins where another seems to.
        let secret = stars(SECRET_LEN);
        for before in [&role[..], "cfk_0123456789abcdef_123"] {
            let masked = masked(&format!("{before}_{whole}")).expect("a secret");
            assert!(masked.ends_with(&format!("_{}_{secret}", &role[PREFIX.len()..])), "{masked}");
        }
    }
}
