//! How failures are written: one way on the control plane, another on the data plane.

use crate::failure::Failure;

/// The two planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Indexes, and what is above them.
    Control,
    /// Records.
    Data,
}

/// The body of a failure.
pub fn body(plane: Plane, failure: &Failure) -> Vec<u8> {
    let body = match plane {
        Plane::Control => serde_json::json!({
            "status": failure.status(),
            "error": {"code": failure.code.name(), "message": failure.message},
        }),
        Plane::Data => serde_json::json!({
            "code": failure.code.number(), "message": failure.message, "details": [],
        }),
    };
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;

    #[test]
    fn both() {
        let failure = Failure::new(Code::NotFound, "index \"x\" does not exist");
        let text = |plane| String::from_utf8(body(plane, &failure)).unwrap();
        assert_eq!(
            text(Plane::Control),
            r#"{"error":{"code":"NOT_FOUND","message":"index \"x\" does not exist"},"status":404}"#
        );
        assert_eq!(text(Plane::Data), r#"{"code":5,"details":[],"message":"index \"x\" does not exist"}"#);
    }
}
