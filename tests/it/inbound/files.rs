//! What a merchant installs: the files of `docs/connections`. They never ran against the vendors.

use std::path::Path;

use serde_json::Value;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connections").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The texts in the lists of this name in a TOML file.
fn listed(toml: &str, name: &str) -> Vec<String> {
    let lines = toml.lines().filter_map(|line| line.strip_prefix(&format!("{name} = ")));
    lines.flat_map(|list| serde_json::from_str::<Vec<String>>(list).unwrap()).collect()
}

#[test]
fn the_app_of_shopify_subscribes_to_what_is_read() {
    let toml = file("shopify/shopify.app.toml");
    let topics = [listed(&toml, "topics"), listed(&toml, "compliance_topics")].concat();
    let expected = [
        "orders/paid",
        "orders/updated",
        "orders/cancelled",
        "refunds/create",
        "customers/data_request",
        "customers/redact",
        "shop/redact",
    ];
    assert_eq!(topics, expected);
    assert!(toml.contains("api_version = \"2026-10\""));
    assert_eq!(toml.matches("/v1/webhooks/shopify/prg_REPLACE").count(), 2);
}

#[test]
fn the_theme_block_has_a_schema_and_uses_its_settings() {
    let block = file("shopify/tessera-hub.liquid");
    let schema = block.split("{% schema %}").nth(1).unwrap().split("{% endschema %}").next().unwrap();
    let schema: Value = serde_json::from_str(schema).unwrap();
    let declared: Vec<&str> =
        schema["settings"].as_array().unwrap().iter().map(|setting| setting["id"].as_str().unwrap()).collect();
    for setting in &declared {
        assert!(block.contains(&format!("block.settings.{setting}")), "{setting}");
    }
    for used in block.split("block.settings.").skip(1) {
        let name: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        assert!(declared.contains(&name.as_str()), "{name}");
    }
    assert_eq!(block.matches("{%").count(), block.matches("%}").count());
}

#[test]
fn files_that_never_ran_say_so() {
    for name in [
        "shopify/shopify.app.toml",
        "shopify/tessera-hub.liquid",
        "woocommerce/tessera.php",
        "medusa/tessera-orders.ts",
    ] {
        assert!(file(name).contains("Never run against the vendor"), "{name}");
    }
}
