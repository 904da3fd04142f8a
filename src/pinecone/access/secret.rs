//! Random names and secrets, and the hashes that are kept of a secret.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::INTERNAL_ERROR;
use conifer_pure::pinecone::access::api_key;
use conifer_pure::pinecone::access::api_key::{ID_BYTES, SECRET_BYTES};
use pgrx::direct_function_call;
use pgrx::prelude::*;
use std::ffi::{CStr, CString, c_char};

unsafe extern "C-unwind" {
    /// The server's function, which pgrx does not bind.
    fn pg_be_scram_build_secret(password: *const c_char) -> *mut c_char;
}

/// A new key.
pub struct Secret {
    /// The name of the key's role.
    pub role: String,
    /// The whole key, to be shown once.
    pub whole: String,
    /// SHA-256 hash that pooled sessions are checked against.
    pub hash: Vec<u8>,
    /// SCRAM verifier that the server checks logins against.
    pub verifier: String,
}

impl Secret {
    /// Draws a key.
    ///
    /// # Errors
    /// Raises XX000 if the server has no random bytes to give.
    pub fn draw() -> Self {
        let role = api_key::role(&random::<ID_BYTES>());
        let whole = api_key::whole(&role, &random::<SECRET_BYTES>());
        let (hash, verifier) = (hash(&role, &whole), verifier(&whole));
        Self { role, whole, hash, verifier }
    }
}

/// The hash that is kept of a key.
pub fn hash(role: &str, whole: &str) -> Vec<u8> {
    let bytes = api_key::hashed(role, whole);
    // SAFETY: sha256 takes one bytea and returns one.
    let hash: Option<Vec<u8>> =
        unsafe { direct_function_call(pg_sys::sha256_bytea, &[bytes.as_slice().into_datum()]) };
    hash.unwrap_or_default()
}

/// A number of a name, which nobody can compute, or turn back, who does not know the key: the first bytes of a hash of both.
pub fn number(key: &[u8; 16], name: &str) -> u32 {
    let bytes = [b"conifer-lock-v1".as_slice(), key, name.as_bytes()].concat();
    // SAFETY: sha256 takes one bytea and returns one.
    let hash: Option<Vec<u8>> =
        unsafe { direct_function_call(pg_sys::sha256_bytea, &[bytes.as_slice().into_datum()]) };
    hash.unwrap_or_default().iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A new name for a group.
pub fn group_name(of_index: bool) -> String {
    api_key::group(&random::<ID_BYTES>(), of_index)
}

fn verifier(password: &str) -> String {
    let password = CString::new(password).expect("a key holds no NUL");
    // SAFETY: takes a C string, and returns one in the current memory context.
    unsafe { CStr::from_ptr(pg_be_scram_build_secret(password.as_ptr())) }.to_string_lossy().into_owned()
}

/// Bytes of the server's cryptographic generator.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // SAFETY: fills the N bytes.
    if !unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), N) } {
        raise(Fault::new(INTERNAL_ERROR, "could not generate a random key"));
    }
    bytes
}
