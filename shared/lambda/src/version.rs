//! The version of a program as HTTP knows it: `ETag` and `If-Match`.

/// What a caller expects the current version to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// This one. What is no version of ours reads as 0, which never is the current one.
    Version(u32),
}

impl Expected {
    /// Reads an `If-Match` header.
    pub fn read(header: Option<&str>) -> Self {
        match header.map(str::trim) {
            None | Some("*") => Self::Any,
            Some(tag) => {
                let tag = tag.strip_prefix("W/").unwrap_or(tag);
                let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
                Self::Version(bare.parse().unwrap_or(0))
            }
        }
    }

    /// The version, where there is one.
    pub const fn version(self) -> Option<u32> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }
}

/// The `ETag` of a version.
pub fn etag(version: u32) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_was_given_is_read_back() {
        assert_eq!(Expected::read(Some(&etag(17))), Expected::Version(17));
        assert_eq!(Expected::read(Some(" W/\"17\" ")), Expected::Version(17));
        assert_eq!(Expected::read(Some("17")), Expected::Version(17));
    }

    #[test]
    fn absence_and_the_star_expect_nothing_and_nonsense_never_matches() {
        assert_eq!(Expected::read(None), Expected::Any);
        assert_eq!(Expected::read(Some("*")), Expected::Any);
        for text in ["\"abc\"", "", "\"1\", \"2\"", "-1", "99999999999999"] {
            assert_eq!(Expected::read(Some(text)), Expected::Version(0), "{text}");
        }
    }
}
