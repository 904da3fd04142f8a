//! Versions of SQL scripts, as `ALTER EXTENSION … UPDATE TO` takes them.

use std::cmp::Ordering;

/// Compares `script`, the version that a database's objects were made by, with that of the `library`: part by part, as numbers
/// or else as text. The server itself gives versions no order.
#[must_use]
pub fn compare(script: &str, library: &str) -> Ordering {
    let mut parts = (script.split('.'), library.split('.'));
    loop {
        let order = match (parts.0.next(), parts.1.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                // A part that is no number comes before all numbers.
                (Err(_), Ok(_)) => Ordering::Less,
                (Ok(_), Err(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The `default_version` of the text of a control file.
#[must_use]
pub fn of_control(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "default_version").then(|| value.trim().trim_matches('\''))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared() {
        for (script, library, order) in [
            ("0.1.0", "0.1.0", Ordering::Equal),
            ("0.9.0", "0.10.0", Ordering::Less),
            ("99", "0.1.0", Ordering::Greater),
            ("0.8.600", "0.8.601", Ordering::Less),
            ("0.8.6", "0.8.600", Ordering::Less),
            ("0.8.6", "0.8.6.1", Ordering::Less),
            ("0.8.6.1", "0.8.6", Ordering::Greater),
            ("unpackaged", "0.1.0", Ordering::Less),
            ("0.1.0", "0.1.dev", Ordering::Greater),
            ("0.1.a", "0.1.b", Ordering::Less),
            ("", "", Ordering::Equal),
        ] {
            assert_eq!(compare(script, library), order, "{script} {library}");
            assert_eq!(compare(library, script), order.reverse(), "{library} {script}");
        }
    }

    #[test]
    fn a_control_file_is_read() {
        assert_eq!(of_control("# default_version\ncomment = 'a'\ndefault_version = '1.2'\n"), Some("1.2"));
        assert_eq!(of_control("comment = 'default_version'\n"), None);
    }
}
