//! What is drawn is read back by another implementation.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use rxing::BarcodeFormat;
use rxing::helpers::detect_in_luma;

use super::*;

/// Pixels for each module.
const SCALE: usize = 4;

/// The grey picture of an SVG that this crate drew, and its width and height.
fn pixels(svg: &str) -> (Vec<u8>, u32, u32) {
    let between = |from: &str, to: &str| svg.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let size: Vec<usize> = between("viewBox=\"0 0 ", "\"").split(' ').map(|side| side.parse().unwrap()).collect();
    let (width, height) = (size[0] * SCALE, size[1] * SCALE);
    let mut luma = vec![255; width * height];
    for run in between("<path d=\"", "\"").split_terminator('z') {
        let numbers: Vec<usize> = run.split(['M', ' ', 'h', 'v', '-']).filter_map(|part| part.parse().ok()).collect();
        let [x, y, across, down, _] = numbers.try_into().unwrap();
        for row in y * SCALE..(y + down) * SCALE {
            luma[row * width + x * SCALE..row * width + (x + across) * SCALE].fill(0);
        }
    }
    (luma, u32::try_from(width).unwrap(), u32::try_from(height).unwrap())
}

fn read(svg: &str, format: BarcodeFormat) -> String {
    let (luma, width, height) = pixels(svg);
    let found = detect_in_luma(luma, width, height, Some(format)).unwrap();
    assert_eq!(found.getBarcodeFormat(), &format);
    found.getText().to_owned()
}

#[test]
fn a_qr_code_is_read_back() {
    for text in ["ADA-7K2M9QXT", "https://loyalty.example/r/demo/ADA4K7Q", "скидка", &"X".repeat(MAX_QR_BYTES)] {
        assert_eq!(read(&qr(text, text).unwrap(), BarcodeFormat::QR_CODE), text);
    }
    assert!(qr(&"X".repeat(MAX_QR_BYTES + 1), "long").is_err());
}

#[test]
fn a_code_128_is_read_back() {
    let printable: String = (b' '..=b'~').map(char::from).collect();
    let (first, second) = printable.split_at(MAX_BAR_CHARS);
    for text in ["ADA-7K2M9QXT", "ada 12", "0012345678", "123", first, second] {
        assert_eq!(read(&code128(text, text).unwrap(), BarcodeFormat::CODE_128), text);
    }
    for text in ["", "caffè", "a\tb", "a\u{7f}", &"1".repeat(MAX_BAR_CHARS + 1)] {
        assert!(matches!(code128(text, text), Err(DrawError::Unfit(_))), "{text}");
    }
}

#[test]
fn a_numeric_card_is_an_ean_13() {
    for (card, prefix, number) in [
        ("4006381333931", IN_STORE_PREFIX, "4006381333931"),
        ("400638133393", "042", "4006381333931"),
        ("7", IN_STORE_PREFIX, "2000000000077"),
        ("123456789", IN_STORE_PREFIX, "2001234567893"),
        ("123456789", "042", "0421234567891"),
        ("7", "299", "2990000000071"),
    ] {
        assert_eq!(ean13_number(card, prefix).as_deref(), Ok(number));
        assert_eq!(read(&ean13(card, prefix, card).unwrap(), BarcodeFormat::EAN_13), number);
    }
    for card in ["", "A1", "12 3", "١٢٣", "4006381333932", "1234567890", "12345678901", "12345678901234"] {
        assert_eq!(ean13(card, IN_STORE_PREFIX, card), Err(DrawError::NotNumeric), "{card}");
    }
}

#[test]
fn titles_are_text() {
    let svg = qr("x", "<script>a&b\u{0}\u{7}</script>").unwrap();
    assert!(svg.contains("<title>&lt;script&gt;a&amp;b  &lt;/script&gt;</title>"), "{svg}");
}

proptest! {
    #[test]
    fn every_code_is_read_back(text in "[A-Z0-9-]{4,24}") {
        prop_assert_eq!(read(&qr(&text, &text).unwrap(), BarcodeFormat::QR_CODE), text.clone());
        prop_assert_eq!(read(&code128(&text, &text).unwrap(), BarcodeFormat::CODE_128), text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = (qr(&text, &text), code128(&text, &text), ean13(&text, IN_STORE_PREFIX, &text));
    }
}
