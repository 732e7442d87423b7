//! Bytes to text: UTF-8, or a code page of Windows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tessera_domain::locale::primary_language;

/// The code page of a file that is not UTF-8.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CodePage {
    /// Central European.
    #[serde(rename = "windows-1250")]
    Windows1250,
    /// Cyrillic.
    #[serde(rename = "windows-1251")]
    Windows1251,
    /// Western European.
    #[default]
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// Why bytes are not the text of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Two bytes per character.
    #[error("the file is UTF-16; save it as CSV in UTF-8")]
    Utf16,
    /// An archive, a spreadsheet or another binary file.
    #[error("the file is not CSV but a spreadsheet or an archive; export it as CSV in UTF-8")]
    Binary,
}

impl CodePage {
    /// Each code page with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("windows-1250", Self::Windows1250), ("windows-1251", Self::Windows1251), ("windows-1252", Self::Windows1252)];

    /// The code page that programs of a language use on Windows.
    pub fn of_language(tag: &str) -> Self {
        match primary_language(tag).to_ascii_lowercase().as_str() {
            "ro" | "pl" | "cs" | "sk" | "hu" | "sl" | "hr" | "sq" => Self::Windows1250,
            "ru" | "uk" | "be" | "bg" | "sr" | "mk" => Self::Windows1251,
            _ => Self::Windows1252,
        }
    }

    const fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Windows1250 => encoding_rs::WINDOWS_1250,
            Self::Windows1251 => encoding_rs::WINDOWS_1251,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
    }
}

/// The text of a file or of a part of one, without its byte order mark. Bytes that are not UTF-8 are read in `code_page`.
///
/// # Errors
/// When the bytes are UTF-16 or no text at all.
pub fn decode(bytes: &[u8], code_page: CodePage) -> Result<Cow<'_, str>, EncodingError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(EncodingError::Utf16);
    }
    if bytes.starts_with(b"PK\x03\x04")
        || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
        || bytes.starts_with(&[0x1f, 0x8b])
    {
        return Err(EncodingError::Binary);
    }
    // UTF-16 without a mark: every second byte of Latin text is zero.
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    #[allow(clippy::naive_bytecount, reason = "a few kilobytes")]
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if head.len() >= 8 && zeros * 3 >= head.len() {
        return Err(EncodingError::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => code_page.encoding().decode_without_bom_handling(bytes).0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_the_first_header() {
        assert_eq!(decode(b"\xef\xbb\xbfemail,points\r\n", CodePage::default()).unwrap(), "email,points\r\n");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_of_the_languages_code_page() {
        let cases =
            [("it", b"perch\xe9".as_slice(), "perché"), ("ru", b"\xc0\xe4\xe0", "Ада"), ("ro-RO", b"\xba\xe3", "şă")];
        for (language, bytes, text) in cases {
            assert_eq!(decode(bytes, CodePage::of_language(language)).unwrap(), text, "{language}");
        }
        assert_eq!(decode("Ада".as_bytes(), CodePage::Windows1252).unwrap(), "Ада");
    }

    #[test]
    fn two_bytes_per_character_are_refused_with_or_without_a_mark() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let bare = wide("email,points\n");
        assert_eq!(decode(&bare, CodePage::default()), Err(EncodingError::Utf16));
        assert_eq!(decode(&[vec![0xff, 0xfe], bare].concat(), CodePage::default()), Err(EncodingError::Utf16));
        assert_eq!(decode(b"PK\x03\x04rest", CodePage::default()), Err(EncodingError::Binary));
    }
}
