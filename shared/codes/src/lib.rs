//! Codes as pictures: QR, Code 128 and EAN-13, drawn as SVG.
//!
//! A picture is a title, a white rectangle and one black path, in modules: no script, no style, nothing loaded. The quiet zone
//! around the bars is part of it, because pages put pictures on dark ground.

use std::fmt::Write as _;

use barcoders::sym::code128::Code128;
use barcoders::sym::ean13::EAN13;
use qrcode::{EcLevel, QrCode};

/// Modules of white around a QR code; the standard asks for 4.
const QR_QUIET: usize = 4;
/// Modules of white beside bars; Code 128 asks for 10, EAN-13 for 11 and 7.
const BAR_QUIET: usize = 12;
/// White above and below bars, in modules.
const BAR_MARGIN: usize = 4;
/// The least height of bars, in modules. Longer codes get higher bars, so that a hand-held scanner's line stays inside.
const BAR_HEIGHT: usize = 40;
/// The longest text of a QR code, in bytes: at medium correction it still fits a phone's screen.
const MAX_QR_BYTES: usize = 512;
/// The longest text of a barcode, in characters: more bars than this no screen resolves.
const MAX_BAR_CHARS: usize = 48;

/// The first digits of an in-store number for a card that is too short for an EAN-13 of its own, unless a program names
/// others. GS1 leaves 020 to 029, 040 to 049 and 200 to 299 to stores.
pub const IN_STORE_PREFIX: &str = "200";
/// The digits of an EAN-13 without its check digit.
const EAN_DIGITS: usize = 12;

/// Why a code cannot be drawn. The text is safe to return to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The format has no room or no characters for it.
    #[error("the code does not fit this format: {0}")]
    Unfit(&'static str),
    /// EAN-13 is for numbers.
    #[error("EAN-13 draws numeric cards of up to 9 digits, of 12, or of 13 with a right check digit")]
    NotNumeric,
}

/// The formats of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// QR code.
    Qr,
    /// Code 128.
    Code128,
    /// EAN-13, for numeric cards.
    Ean13,
}

impl Format {
    /// The format with a name: `qr`, `code128` or `ean13`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "qr" => Some(Self::Qr),
            "code128" => Some(Self::Code128),
            "ean13" => Some(Self::Ean13),
            _ => None,
        }
    }

    /// Draws a text, which is also the picture's title.
    ///
    /// # Errors
    /// When the format cannot hold the text.
    pub fn draw(self, text: &str) -> Result<String, DrawError> {
        match self {
            Self::Qr => qr(text, text),
            Self::Code128 => code128(text, text),
            Self::Ean13 => ean13(text, IN_STORE_PREFIX, text),
        }
    }
}

/// Draws a QR code with medium error correction.
///
/// # Errors
/// [`DrawError::Unfit`] for a text that is too long.
pub fn qr(text: &str, title: &str) -> Result<String, DrawError> {
    if text.len() > MAX_QR_BYTES {
        return Err(DrawError::Unfit("it is too long"));
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| DrawError::Unfit("it is too long"))?;
    let (width, modules) = (code.width(), code.to_colors());
    let rows = modules.chunks(width).enumerate().map(|(y, row)| {
        let dark = row.iter().map(|module| module.select(true, false));
        (y + QR_QUIET, 1, dark)
    });
    let side = width + 2 * QR_QUIET;
    Ok(picture(title, side, side, &path(rows, QR_QUIET)))
}

/// Draws a Code 128.
///
/// # Errors
/// [`DrawError::Unfit`] for a text with other characters than printable ASCII, and for one that is too long.
pub fn code128(text: &str, title: &str) -> Result<String, DrawError> {
    if text.is_empty() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(DrawError::Unfit("Code 128 takes printable ASCII characters"));
    }
    if text.len() > MAX_BAR_CHARS {
        return Err(DrawError::Unfit("it is too long"));
    }
    // Set C packs two digits into one symbol; set B has every printable character.
    let packs = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_digit());
    let set = if packs { '\u{0106}' } else { '\u{0181}' };
    let code = Code128::new(format!("{set}{text}")).map_err(|_| DrawError::Unfit("Code 128 has no such characters"))?;
    Ok(bars(title, &code.encode()))
}

/// Draws a numeric card as EAN-13, as [`ean13_number`] completes it.
///
/// # Errors
/// [`DrawError::NotNumeric`] for anything else.
pub fn ean13(card: &str, prefix: &str, title: &str) -> Result<String, DrawError> {
    let number = ean13_number(card, prefix)?;
    let code = EAN13::new(&number[..EAN_DIGITS]).map_err(|_| DrawError::NotNumeric)?;
    Ok(bars(title, &code.encode()))
}

/// The 13 digits of a numeric card: its own 13 when the check digit is right, its 12 with the check digit, else an in-store
/// number that begins with the prefix and ends in the card's digits.
///
/// # Errors
/// [`DrawError::NotNumeric`] for anything else.
pub fn ean13_number(card: &str, prefix: &str) -> Result<String, DrawError> {
    if card.is_empty() || !card.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DrawError::NotNumeric);
    }
    let room = EAN_DIGITS.saturating_sub(prefix.len());
    let digits = match card.len() {
        EAN_DIGITS => card.to_owned(),
        length if length == EAN_DIGITS + 1 => card[..EAN_DIGITS].to_owned(),
        length if length <= room => format!("{prefix}{card:0>room$}"),
        _ => return Err(DrawError::NotNumeric),
    };
    let number = format!("{digits}{}", check_digit(&digits));
    if card.len() == EAN_DIGITS + 1 && number != card {
        return Err(DrawError::NotNumeric);
    }
    Ok(number)
}

/// The check digit of twelve digits: odd places count once, even ones three times.
fn check_digit(digits: &str) -> u32 {
    let weighted =
        digits.chars().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight);
    (10 - weighted.sum::<u32>() % 10) % 10
}

fn bars(title: &str, modules: &[u8]) -> String {
    let height = BAR_HEIGHT.max(modules.len() / 4);
    let row = [(BAR_MARGIN, height, modules.iter().map(|module| *module == 1))];
    let (width, total) = (modules.len() + 2 * BAR_QUIET, height + 2 * BAR_MARGIN);
    picture(title, width, total, &path(row.into_iter(), BAR_QUIET))
}

/// The path of rows of modules: for each run of dark ones a rectangle.
fn path<M: Iterator<Item = bool>>(rows: impl Iterator<Item = (usize, usize, M)>, left: usize) -> String {
    let mut path = String::new();
    for (y, height, modules) in rows {
        let mut begun = None;
        // A light module after the last ends its run.
        for (x, is_dark) in modules.chain([false]).enumerate() {
            match (begun, is_dark) {
                (None, true) => begun = Some(x),
                (Some(first), false) => {
                    let width = x - first;
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{} {y}h{width}v{height}h-{width}z", first + left);
                    begun = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
    }
    path
}

fn picture(title: &str, width: usize, height: usize, path: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         shape-rendering=\"crispEdges\"><title>{title}</title><rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\
         <path d=\"{path}\"/></svg>\n"
    )
}

/// Text of an element. Control characters are not allowed in XML, not even escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
