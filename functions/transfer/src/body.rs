//! The body of `POST /v1/imports`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::read_id;
use tessera_import::{CodePage, DateOrder, Field, ImportKind, ImportMode, ImportSource, PlanRequest};

/// The longest key of an import.
const MOST_KEY_BYTES: usize = 128;
/// The longest prefix of ids.
const MOST_PREFIX_BYTES: usize = 32;
/// The most points for one unit of money.
const MOST_PER_UNIT: i64 = 1_000_000;

/// What an import is asked to do.
#[derive(Debug)]
pub(crate) struct ImportInput {
    /// How its file is to be read.
    pub plan: PlanRequest,
    /// What imports of the same file have in common.
    pub key: Option<String>,
    /// True when rows are checked and nothing is written.
    pub dry_run: bool,
}

/// An import to create.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewImport), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read` reads")]
pub(crate) struct ImportBody {
    /// What the rows are.
    kind: ImportKind,
    /// The program that the file comes from; generic when absent.
    source: Option<ImportSource>,
    /// Whether points are added (when absent) or are the balance afterwards.
    mode: Option<ImportMode>,
    /// The header of each field, where it is not found by itself; empty: the field is not imported.
    mapping: Option<BTreeMap<Field, String>>,
    /// The same key is the same import.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    key: Option<String>,
    /// Further settings.
    options: Option<ImportOptions>,
    /// Checks every row and writes nothing.
    dry_run: Option<bool>,
}

/// Settings of an import.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read` reads")]
pub(crate) struct ImportOptions {
    /// Points for one unit of money: what was spent becomes points without any rule. For orders.
    points_per_unit: Option<String>,
    /// Stands before customer and order ids, so that two sources stay apart.
    #[cfg_attr(feature = "openapi", schema(max_length = 32))]
    id_prefix: Option<String>,
    /// The order of day and month, where the file does not reveal it.
    dates: Option<DateOrder>,
    /// The code page of a file that is not UTF-8; by the program's language when absent.
    encoding: Option<CodePage>,
}

impl ImportBody {
    pub(crate) fn example() -> Value {
        json!({
            "kind": "members", "source": "smile", "mode": "add", "mapping": { "points": "Points" },
            "key": "5f2d0c1e", "options": { "id_prefix": "smile-", "dates": "dmy" }, "dry_run": false,
        })
    }
}

/// Reads the body. `language`: the program's.
pub(crate) fn read(body: &Value, language: &str) -> Result<ImportInput, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let kind = object.required("kind", |n| n.choice(&ImportKind::ALL));
        let source = object.or("source", ImportSource::Generic, |n| n.choice(&ImportSource::ALL));
        let mode = object.or("mode", ImportMode::Add, |n| n.choice(&ImportMode::ALL));
        let mapping = object.or("mapping", BTreeMap::new(), read_mapping);
        let key = object.optional("key", |n| n.filled(MOST_KEY_BYTES));
        let options = object.or("options", Options::default(), |n| read_options(n));
        let dry_run = object.or("dry_run", false, Node::boolean);
        object.finish();
        let (kind, options) = (kind?, options?);
        if options.points_per_unit.is_some() && kind != ImportKind::Orders {
            node.fault("options.points_per_unit is for orders alone");
        }
        let plan = PlanRequest {
            kind,
            source: source?,
            mode: mode?,
            mapping: mapping?,
            id_prefix: options.id_prefix,
            points_per_unit: options.points_per_unit,
            dates: options.dates,
            code_page: options.encoding.unwrap_or_else(|| CodePage::of_language(language)),
        };
        Some(ImportInput { plan, key: key?, dry_run: dry_run? })
    })
}

fn read_mapping(node: &Node<'_>) -> Option<BTreeMap<Field, String>> {
    let entries = node.entries(Field::ALL.len(), |header| header.text(200))?;
    let mut mapping = BTreeMap::new();
    for (name, header) in entries {
        let Some(field) = Field::from_name(&name) else {
            let known: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
            return node.refuse(format_args!("{name:?} is no field; the fields are {}", known.join(", ")));
        };
        mapping.insert(field, header);
    }
    Some(mapping)
}

#[derive(Default)]
struct Options {
    points_per_unit: Option<rust_decimal::Decimal>,
    id_prefix: Option<String>,
    dates: Option<DateOrder>,
    encoding: Option<CodePage>,
}

fn read_options(node: &Node<'_>) -> Option<Options> {
    let object = node.object()?;
    let points_per_unit = object.optional("points_per_unit", |n| n.decimal(MOST_PER_UNIT));
    let id_prefix = object.optional("id_prefix", |n| {
        let prefix = n.text(MOST_PREFIX_BYTES)?;
        // Every id would be refused.
        match read_id(&format!("{prefix}1")) {
            Ok(_) => Some(prefix),
            Err(error) => n.refuse(format_args!("makes no valid id: an id {error}")),
        }
    });
    let dates = object.optional("dates", |n| n.choice(&DateOrder::ALL));
    let encoding = object.optional("encoding", |n| n.choice(&CodePage::ALL));
    object.finish();
    Some(Options {
        points_per_unit: points_per_unit?,
        id_prefix: id_prefix?.filter(|prefix| !prefix.is_empty()),
        dates: dates?,
        encoding: encoding?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_and_its_defaults() {
        let read_example = read(&ImportBody::example(), "it").unwrap();
        assert_eq!(read_example.plan.mapping[&Field::Points], "Points");
        let least = read(&json!({ "kind": "orders", "options": { "points_per_unit": "1.5" } }), "ro").unwrap();
        assert_eq!((least.plan.source, least.plan.mode), (ImportSource::Generic, ImportMode::Add));
        assert_eq!(least.plan.code_page, CodePage::Windows1250);
    }

    #[test]
    fn faults_name_their_field() {
        let body =
            json!({ "kind": "people", "mapping": { "colour": "x" }, "key": "", "options": { "a": 1 }, "dry": true });
        let faults = read(&body, "it").unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/kind", "/mapping", "/key", "/options/a", "/dry"]);
        assert!(read(&json!({ "kind": "members", "options": { "points_per_unit": "1" } }), "it").is_err());
        for prefix in ["m_", "email:", "card:x", "phone:"] {
            let faults = read(&json!({ "kind": "members", "options": { "id_prefix": prefix } }), "it").unwrap_err();
            assert_eq!(faults[0].pointer, "/options/id_prefix", "{prefix}");
        }
        assert!(read(&json!({ "kind": "members", "options": { "id_prefix": "m" } }), "it").is_ok());
    }
}
