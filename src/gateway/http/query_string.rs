//! The parameters behind a URL's `?`.

use super::percent::decode;
use crate::failure::{Failure, Result};

/// Maximum number of parameters.
const MAX: usize = 2000;

/// The parameters of a URL.
#[derive(Debug, Default)]
pub struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Reads them.
    ///
    /// # Errors
    /// 400 for percent-encoding that is none, and for too many.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let wrong = || Failure::invalid("the URL's parameters are not percent-encoded UTF-8");
        let mut pairs = vec![];
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX {
                return Err(Failure::invalid(format!("the URL has more than {MAX} parameters")));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name, true).ok_or_else(wrong)?, decode(value, true).ok_or_else(wrong)?));
        }
        Ok(Self(pairs))
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a name, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 if it is none.
    pub fn int(&self, name: &str) -> Result<Option<i32>> {
        let wrong = |_| Failure::invalid(format!("{name} is no whole number"));
        self.text(name).map(|text| text.parse().map_err(wrong)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let query = QueryString::parse(Some("ids=a%2F1&ids=b+c&namespace=&limit=7&&x")).unwrap();
        assert_eq!(query.all("ids"), ["a/1", "b c"]);
        assert_eq!((query.get("namespace"), query.text("namespace"), query.get("y")), (Some(""), None, None));
        assert_eq!(query.int("limit"), Ok(Some(7)));
        assert!(QueryString::parse(Some("limit=x")).unwrap().int("limit").is_err());
        assert!(QueryString::parse(Some("a=%f")).is_err());
        assert!(QueryString::parse(Some(&"a&".repeat(MAX + 1))).is_err());
        assert!(QueryString::parse(None).unwrap().all("ids").is_empty());
    }
}
