//! How much memory a vacuum may take.
#![allow(unsafe_code)]

use pgrx::pg_sys;

unsafe extern "C-unwind" {
    /// The setting `autovacuum_work_mem`, in kB; -1 if `maintenance_work_mem` holds for an autovacuum, too.
    static autovacuum_work_mem: std::ffi::c_int;
}

/// Bytes of `maintenance_work_mem`, or of `autovacuum_work_mem` in an autovacuum.
pub fn limit() -> usize {
    // SAFETY: variables of this process.
    let (own, auto, kind) =
        unsafe { (pg_sys::maintenance_work_mem, autovacuum_work_mem, pg_sys::MyBackendType) };
    let auto = Some(auto).filter(|auto| *auto >= 0 && kind == pg_sys::BackendType::B_AUTOVAC_WORKER);
    usize::try_from(auto.unwrap_or(own)).unwrap_or(0) * 1024
}
