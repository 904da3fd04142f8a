//! The file: a line for each setting, `name = value`. `#` begins a comment; a value in double quotes has what is between them.

use super::settings::find;
use std::collections::HashMap;

/// The settings of a file's text.
///
/// # Errors
/// In words, with the number of the line.
pub fn read(text: &str) -> Result<HashMap<&'static str, String>, String> {
    let mut found = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = |words: String| format!("line {}: {words}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("is not name = value".into()))?;
        let setting =
            find(name.trim()).ok_or_else(|| wrong(format!("there is no setting {}", name.trim())))?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            None => value.split(" #").next().unwrap_or_default().trim_end(),
            Some(rest) => {
                let (value, after) =
                    rest.rsplit_once('"').ok_or_else(|| wrong("a quote does not end".into()))?;
                if !after.trim().is_empty() && !after.trim().starts_with('#') {
                    return Err(wrong("there is something behind the quotes".into()));
                }
                value
            }
        };
        if found.insert(setting.name, value.to_owned()).is_some() {
            return Err(wrong(format!("{} is there twice", setting.name)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn values() {
        let found =
            read("# a comment\n\n listen = 0.0.0.0:1 # here\ndatabase=\"user=a # b\" # c\nregion =\n")
                .unwrap();
        assert_eq!(found["listen"], "0.0.0.0:1");
        assert_eq!(found["database"], "user=a # b");
        assert_eq!(found["region"], "");
    }

    #[test]
    fn refused() {
        for text in ["listen", "x = 1", "listen = \"a", "listen = \"a\" b", "listen = a\nlisten = b"] {
            assert!(read(text).unwrap_err().contains("line"), "{text}");
        }
    }
}
