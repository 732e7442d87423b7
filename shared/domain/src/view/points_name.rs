//! The name of points in a language.

use serde_json::Value;

use crate::locale::in_locale;
use crate::program::Program;

/// The plural forms of the points' name in the nearest language, and the tag of that language.
///
/// Forms without a language are in the program's.
pub(super) fn points_forms<'p>(program: &'p Program, locale: &str) -> (&'p str, &'p Value) {
    let name = &program.points.name;
    let by_locale = name.as_object().filter(|forms| forms.values().any(Value::is_object));
    let found = by_locale.and_then(|forms| {
        in_locale(forms.iter().map(|(tag, forms)| (tag.as_str(), forms)), &[locale, "en", &program.locale])
    });
    found.unwrap_or((&program.locale, name))
}
