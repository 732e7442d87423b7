//! How a program looks on its pages: colours and fonts, as a style sheet and its hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tessera_domain::program::Storefront;

/// The accent of a program that sets none.
const ACCENT: &str = "#1f6f54";

/// The fonts behind a name; each is on shoppers' systems already.
fn font(name: &str) -> &'static str {
    match name {
        "serif" => "ui-serif,Georgia,Cambria,\"Times New Roman\",serif",
        "rounded" => "ui-rounded,\"SF Pro Rounded\",\"Hiragino Maru Gothic ProN\",Quicksand,system-ui,sans-serif",
        "mono" => "ui-monospace,\"SF Mono\",\"Cascadia Mono\",Menlo,Consolas,monospace",
        _ => "system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif",
    }
}

/// A style sheet with a program's looks in front: `selector{--accent:…}`.
pub(super) fn sheet(storefront: &Storefront, selector: &str, prefix: &str, css: &str) -> String {
    let accent = storefront.accent().unwrap_or(ACCENT);
    let font = font(storefront.font.as_deref().unwrap_or_default());
    format!("{selector}{{--{prefix}accent:{accent};--{prefix}accent-ink:{};--{prefix}font:{font}}}\n{css}", ink(accent))
}

/// The Content Security Policy of a page with one style sheet: no script, nothing loaded but pictures over https.
pub(super) fn policy(sheet: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(sheet));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src https:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// White or black, whichever reads better on a colour.
fn ink(colour: &str) -> &'static str {
    // (L + 0.05)² is below 1.05 × 0.05 exactly where white has more contrast than black: L < 0.179.
    if luminance(colour) < 1_790_000 { "#fff" } else { "#000" }
}

/// The relative luminance of `#rrggbb` by WCAG, times ten million.
fn luminance(colour: &str) -> u64 {
    let channel = |place: usize| u64::from_str_radix(colour.get(place..place + 2).unwrap_or("00"), 16).unwrap_or(0);
    let weighted = [(1, 2_126), (3, 7_152), (5, 722)].map(|(place, weight)| linear(channel(place)) * weight);
    weighted.iter().sum::<u64>() / 10_000
}

/// An sRGB channel from 0 to 255 made linear, times ten million: the cubic that lies within 0.4 % of the standard's curve.
fn linear(channel: u64) -> u64 {
    let c = channel * 10_000_000 / 255;
    let squared = c * c / 10_000_000;
    let cubed = squared * c / 10_000_000;
    // 0.305306011 c³ + 0.682171111 c² + 0.012522878 c
    (305_306_011 * cubed + 682_171_111 * squared + 12_522_878 * c) / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_reads_on_every_accent() {
        for (accent, expected) in [
            ("#1f6f54", "#fff"),
            ("#000000", "#fff"),
            ("#aa3300", "#fff"),
            ("#0000ff", "#fff"),
            ("#757575", "#fff"),
            ("#767676", "#000"),
            ("#ffffff", "#000"),
            ("#ffcc00", "#000"),
            ("#00ff00", "#000"),
        ] {
            assert_eq!(ink(accent), expected, "{accent}: {}", luminance(accent));
        }
        assert_eq!((luminance("#000000"), luminance("#ffffff")), (0, 10_000_000));
    }

    #[test]
    fn the_policy_allows_this_sheet_alone() {
        let policy = policy("a{}");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
    }
}
