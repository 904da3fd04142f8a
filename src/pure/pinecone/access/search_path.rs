//! The value of `search_path`.

/// The schema that is named like the current user, if there is one.
const USER: &str = "$user";

/// The schemas that a value names, as the server reads it: in lower case unless they are quoted.
pub fn schemas(value: &str) -> Vec<String> {
    let mut all = vec![];
    let mut rest = value.trim_start();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut chars = quoted.char_indices().peekable();
            rest = "";
            while let Some((at, c)) = chars.next() {
                if c != '"' {
                    name.push(c);
                } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
                    name.push('"');
                    chars.next();
                } else {
                    rest = &quoted[at + 1..];
                    break;
                }
            }
        } else {
            let (word, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            name = word.trim().to_ascii_lowercase();
            rest = after;
        }
        if !name.is_empty() {
            all.push(name);
        }
        rest = rest.split_once(',').map_or("", |(_, rest)| rest).trim_start();
    }
    all
}

/// Whether a value names the schema that is named like the current user.
pub fn names_user(value: &str) -> bool {
    schemas(value).iter().any(|schema| schema == USER)
}

/// The schemas of a value but that which is named like the current user, behind those of `first` that it does not name.
pub fn without_user(value: &str, first: Vec<String>) -> Vec<String> {
    let mut all = schemas(value);
    all.retain(|schema| schema != USER);
    let mut path = first;
    path.retain(|schema| !all.contains(schema));
    path.extend(all);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_server_reads_them() {
        for (value, expected) in [
            ("\"$user\", public", &["$user", "public"][..]),
            ("$user,public", &["$user", "public"]),
            (
                " App , \"Two Words\",\"with \"\"quotes\"\", and a comma\" , x",
                &["app", "Two Words", "with \"quotes\", and a comma", "x"],
            ),
            ("", &[]),
            (" , ,a", &["a"]),
            // what the server would not take
            ("\"unfinished", &["unfinished"]),
            ("\"a\"b, c", &["a", "c"]),
        ] {
            assert_eq!(schemas(value), expected, "{value}");
        }
    }

    #[test]
    fn the_users_schema_is_left_out() {
        let path = |value, first: &[&str]| {
            without_user(value, first.iter().map(|schema| (*schema).to_owned()).collect())
        };
        assert_eq!(path("\"$user\", public", &["public"]), ["public"]);
        assert_eq!(path("app, \"$user\", public", &["public"]), ["app", "public"]);
        assert_eq!(path("\"$user\", public", &["pinecone", "public"]), ["pinecone", "public"]);
        assert_eq!(path("\"$user\"", &[]), [""; 0]);
        assert!(names_user("app, \"$user\""));
        assert!(!names_user("app, user, \"$User\""));
    }
}
