//! Reading how the program shows in the shop.

use crate::input::Node;
use crate::program::{Storefront, words};

/// The most origins whose pages may call the storefront's endpoints.
const MOST_ORIGINS: usize = 50;
/// The most colours.
const MOST_COLOURS: usize = 50;

/// Reads how the program shows in the shop.
pub(super) fn read_storefront(node: &Node<'_>) -> Option<Storefront> {
    let object = node.object()?;
    let shop_url = object.optional("shop_url", words::url);
    let allowed_origins = object.or("allowed_origins", Vec::new(), |list| list.list(MOST_ORIGINS, words::origin));
    let logo_url = object.optional("logo_url", words::url);
    let banner_url = object.optional("banner_url", words::url);
    let colours = object.optional("colours", |colours| {
        colours.entries(MOST_COLOURS, |colour| style(colour, "#%(),.-", "a CSS colour such as \"#aa3300\""))?;
        Some(colours.value.clone())
    });
    let font = object.optional("font", |font| style(font, "'\",-_", "the name of a font"));
    object.finish();
    Some(Storefront {
        shop_url: shop_url?,
        allowed_origins: allowed_origins?,
        logo_url: logo_url?,
        banner_url: banner_url?,
        colours: colours?,
        font: font?,
    })
}

/// A value that goes into a style sheet: letters, digits, spaces and a few signs, so that it can never end the
/// declaration in which it stands.
fn style(node: &Node<'_>, signs: &str, what: &str) -> Option<String> {
    let text = words::label(node, 200)?;
    if text.chars().all(|c| c.is_alphanumeric() || c == ' ' || signs.contains(c)) {
        return Some(text);
    }
    node.refuse(format_args!("must be {what}"))
}
