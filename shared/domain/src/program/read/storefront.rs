//! Reading how the program shows in the shop.

use crate::input::Node;
use crate::program::Storefront;
use crate::readers;

/// The most origins whose pages may call the storefront's endpoints.
const MOST_ORIGINS: usize = 50;
/// The most colours.
const MOST_COLOURS: usize = 50;
/// The names of fonts: each stands for fonts that shoppers' systems have, so that no page loads one.
const FONTS: [&str; 4] = ["system", "serif", "rounded", "mono"];
/// The longest name of a font that is looked at, in bytes.
const MOST_FONT_BYTES: usize = 200;

/// Reads how the program shows in the shop.
pub(super) fn read_storefront(node: &Node<'_>) -> Option<Storefront> {
    let object = node.object()?;
    let shop_url = object.optional("shop_url", readers::url);
    let allowed_origins = object.or("allowed_origins", Vec::new(), |list| list.list(MOST_ORIGINS, readers::origin));
    let logo_url = object.optional("logo_url", readers::url);
    let banner_url = object.optional("banner_url", readers::url);
    let colours = object.optional("colours", |colours| {
        colours.entries(MOST_COLOURS, readers::colour)?;
        Some(colours.value.clone())
    });
    let font = object.optional("font", |font| {
        let name = font.text(MOST_FONT_BYTES)?;
        if FONTS.contains(&name.as_str()) { Some(name) } else { font.refuse("must be system, serif, rounded or mono") }
    });
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
