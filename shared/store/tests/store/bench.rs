//! One DynamoDB for each test, in memory, behind a real SDK client.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use dynoxide::Database;
use tessera_store::{SecretsKey, Store, Tables};

use crate::interference::{Interference, Wire};

pub struct Bench {
    pub store: Store,
    pub dynamodb: Client,
    /// What happens to calls on their way, and what they cost.
    pub wire: Arc<Interference>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Bench {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let database = Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            let _ = stopped.await;
        }));
        let wire = Arc::new(Interference::default());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{address}"))
            .region(Region::new("eu-south-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .interceptor(Wire(Arc::clone(&wire)))
            .build();
        let dynamodb = Client::from_conf(config);
        let tables = Tables {
            members: "members".to_owned(),
            facts: "facts".to_owned(),
            programs: "programs".to_owned(),
            credentials: "credentials".to_owned(),
        };
        for table in [&tables.members, &tables.facts, &tables.programs, &tables.credentials] {
            create(&dynamodb, table, if *table == tables.members { INDEXES } else { &[] }).await;
        }
        wire.forget();
        let store = Store::new(dynamodb.clone(), tables).with_secrets(SecretsKey::new([9; 32]));
        Self { store, dynamodb, wire, _stop: stop }
    }
}

/// The indexes of the members table: name, partition key, sort key.
const INDEXES: &[(&str, &str, &str)] = &[
    ("birthdays", "bp", "pk"),
    ("due", "dp", "dd"),
    ("activity", "lp", "lk"),
    ("statuses", "ls", "lk"),
    ("tiers", "lt", "lk"),
];

async fn create(dynamodb: &Client, table: &str, indexes: &[(&str, &str, &str)]) {
    let mut request = dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(attribute.build().unwrap()).key_schema(key(name, kind));
    }
    let mut defined = vec!["pk"];
    for (index, partition, sort) in indexes {
        for name in [partition, sort] {
            if defined.contains(name) {
                continue;
            }
            defined.push(*name);
            let attribute = AttributeDefinition::builder().attribute_name(*name).attribute_type(ScalarAttributeType::S);
            request = request.attribute_definitions(attribute.build().unwrap());
        }
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(*index)
            .key_schema(key(partition, KeyType::Hash))
            .key_schema(key(sort, KeyType::Range))
            .projection(keys_only);
        request = request.global_secondary_indexes(index.build().unwrap());
    }
    request.send().await.unwrap();
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}
