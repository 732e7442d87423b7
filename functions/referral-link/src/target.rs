//! The address that a link leads to.

/// The shop's address with the code and the click. What the address has already stays.
pub(crate) fn shop_address(shop: &str, code: &str, click: &str) -> String {
    let (address, fragment) = shop.split_once('#').map_or((shop, None), |(address, rest)| (address, Some(rest)));
    let separator = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    // Codes consist of A–Z, 0–9 and dashes, clicks of hexadecimal digits: nothing needs an escape.
    format!("{address}{separator}ref={code}&ref_click={click}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_added_to_whatever_the_shop_has() {
        for (shop, expected) in [
            ("https://shop.example", "https://shop.example?ref=ADA&ref_click=1"),
            ("https://shop.example/it/", "https://shop.example/it/?ref=ADA&ref_click=1"),
            ("https://shop.example/?lang=it", "https://shop.example/?lang=it&ref=ADA&ref_click=1"),
            ("https://shop.example/?", "https://shop.example/?ref=ADA&ref_click=1"),
            ("https://shop.example/#top", "https://shop.example/?ref=ADA&ref_click=1#top"),
        ] {
            assert_eq!(shop_address(shop, "ADA", "1"), expected);
        }
    }
}
