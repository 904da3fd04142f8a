// Lines of the audit in the server's log, where what adds their context raises an error: no function in SQL does, but one that is short of memory may.

use std::cell::{Cell, RefCell};

thread_local! {
    /// Whether the context's callback has raised its error.
    static HAS_RAISED: Cell<bool> = const { Cell::new(false) };
    /// The messages that were logged.
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(vec![]) };
}

static mut NEXT_LOG: pg_sys::emit_log_hook_type = None;

/// The callback of an error's context, which raises one itself, once.
#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn raise_in_context(_argument: *mut std::ffi::c_void) {
    if !HAS_RAISED.replace(true) {
        error!("the context is not to be had");
    }
}

#[allow(unsafe_code)]
unsafe extern "C-unwind" fn log(error: *mut pg_sys::ErrorData) {
    // SAFETY: the server's error data, whose message is a C string or null.
    unsafe {
        if let Some(next) = NEXT_LOG {
            next(error);
        }
        if !(*error).message.is_null() {
            let message = CStr::from_ptr((*error).message).to_string_lossy().into_owned();
            LOGGED.with_borrow_mut(|logged| logged.push(message));
        }
    }
}

#[pg_test]
#[allow(unsafe_code)]
fn a_line_of_the_audit_that_fails_is_over() {
    Spi::run("CREATE ROLE eve").expect("a role");
    let refused = "SET LOCAL ROLE eve;
                   DO $$ BEGIN PERFORM pc_create_api_key('x'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
                   RESET ROLE";
    // SAFETY: the callback is taken away before it goes; the hook of before comes back.
    unsafe {
        let mut callback = pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(raise_in_context),
            arg: std::ptr::null_mut(),
        };
        pg_sys::error_context_stack = &raw mut callback;
        let ran = Spi::run(refused);
        pg_sys::error_context_stack = callback.previous;
        ran.expect("the error is caught");
        assert!(HAS_RAISED.get());
        NEXT_LOG = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(log);
        let ran = Spi::run("DO $$ BEGIN RAISE LOG 'conifer audit: forged'; END $$");
        pg_sys::emit_log_hook = NEXT_LOG;
        ran.expect("a message");
    }
    let forged: Vec<String> =
        LOGGED.with_borrow(|logged| logged.iter().filter(|text| text.contains("forged")).cloned().collect());
    assert_eq!(forged, ["conifer audit? forged"]);
}
