//! A program, the services of a function, and requests as the gateway sends them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use dynoxide::Database;
use jiff::Timestamp;
use lambda_http::{Body, Request};
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_lambda::auth::{AuthContext, AuthFault, Caller, authenticate};
use tessera_lambda::http::Response;
use tessera_lambda::{
    Access, Clock, Config, Queue, Route, RouteHandler, Routes, Scope, Secrets, Services, Source, TrustedProxies, aws,
};
use tessera_store::{NewProgram, SecretsKey, Store, Tables};

pub struct Bench {
    pub services: Services,
    pub program: NewProgram,
    pub key: SecretsKey,
    dynamodb: aws_sdk_dynamodb::Client,
    clock: Arc<AtomicI64>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Bench {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, Database::memory().unwrap(), async {
            let _ = stopped.await;
        }));
        let vars = [
            ("AWS_REGION", "eu-south-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", &url),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let clients = aws::clients(&aws::configuration(&vars).unwrap(), &vars);
        let dynamodb = clients.dynamodb.clone();
        let tables = Tables {
            members: "members".to_owned(),
            facts: "facts".to_owned(),
            programs: "programs".to_owned(),
            credentials: "credentials".to_owned(),
        };
        for table in [&tables.members, &tables.facts, &tables.programs, &tables.credentials] {
            create(&dynamodb, table).await;
        }
        let config = Config {
            function: "test".to_owned(),
            tables,
            queues: BTreeMap::from([(Queue::Facts, "http://sqs.test/1/facts.fifo".to_owned())]),
            secrets_key_parameter: None,
            program_recheck: Duration::ZERO,
            trusted_proxies: TrustedProxies::default(),
        };
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(noon.as_second()));
        let told = Arc::clone(&clock);
        let key = SecretsKey::new([7; 32]);
        let services = Services::new(
            config,
            clients,
            Clock::new(move || Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap()),
            Secrets::known(key.clone()),
        );
        let document = json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome" });
        let document = SubmittedProgram::read(&document).unwrap();
        let program = services.store.create_program(&document, None, &key, noon).await.unwrap();
        Self { services, program, key, dynamodb, clock, _stop: stop }
    }

    /// The store of other tables.
    pub fn store_of(&self, tables: Tables) -> Store {
        Store::new(self.dynamodb.clone(), tables)
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Who a credential stands for.
    pub async fn caller(&self, credential: &str) -> Result<Caller, AuthFault> {
        authenticate(&self.services, &format!("Bearer {credential}"), &source("192.0.2.1")).await
    }

    pub async fn admin(&self) -> AuthContext {
        self.caller(&self.program.admin_key).await.unwrap().to_context()
    }

    pub async fn member(&self, name: &str) -> AuthContext {
        let token = self.token(&json!({ "sub": name }), "HS256");
        self.caller(&token).await.unwrap().to_context()
    }

    /// A token of the program for ten minutes; `claims` adds to the usual ones, or replaces them.
    pub fn token(&self, claims: &Value, algorithm: &str) -> String {
        self.token_signed(claims, algorithm, &self.program.storefront_secret)
    }

    pub fn token_signed(&self, claims: &Value, algorithm: &str, secret: &str) -> String {
        let mut all = json!({ "iss": self.program.id, "sub": "c-1", "exp": self.now() + 600 });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        sign(&json!({ "alg": algorithm, "typ": "JWT" }), &all, secret)
    }
}

/// A JWT with an HMAC-SHA256 signature, whatever its header says.
fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit, Mac};
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The source of a request from an address.
pub fn source(address: &str) -> Source {
    Source::find(Some(address), None, &TrustedProxies::default())
}

async fn create(dynamodb: &aws_sdk_dynamodb::Client, table: &str) {
    let mut request = dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap());
    }
    if table == "members" {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let mut index = GlobalSecondaryIndex::builder().index_name("birthdays").projection(projection);
        for (name, kind) in [("bp", KeyType::Hash), ("pk", KeyType::Range)] {
            index = index.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap());
        }
        let attribute = AttributeDefinition::builder().attribute_name("bp").attribute_type(ScalarAttributeType::S);
        request =
            request.attribute_definitions(attribute.build().unwrap()).global_secondary_indexes(index.build().unwrap());
    }
    request.send().await.unwrap();
}

/// The routes of the function under test; the requests of [`request`] take the first two. Tests replace the handlers.
pub const ROUTES: Routes = &[&[
    Route::get("/v1/things/{id}", Access::Public, UNUSED),
    Route::post("/v1/things/{id}", Access::ScopeOrMember(Scope::ReceiptsWrite), UNUSED),
]];

/// A handler that no test runs.
pub const UNUSED: RouteHandler = |_, _| Box::pin(async { panic!("a test replaces the handlers") });

/// A request as the gateway sends it.
pub fn request(method: &str, headers: &[(&str, &str)], auth: Option<&AuthContext>, body: &str) -> Request {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let event = json!({
        "version": "2.0",
        "routeKey": format!("{method} /v1/things/{{id}}"),
        "rawPath": "/v1/things/a b",
        "rawQueryString": "limit=2",
        "headers": headers,
        "queryStringParameters": { "limit": "2" },
        "pathParameters": { "id": "a b" },
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "a.example", "stage": "$default",
            "requestId": "r-1", "routeKey": format!("{method} /v1/things/{{id}}"),
            "time": "01/Mar/2026:12:00:00 +0000", "timeEpoch": 1_772_366_400_000_i64,
            "authorizer": auth.map(|context| json!({ "lambda": context })),
            "http": { "method": method, "path": "/v1/things/a b", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t" }
        },
        "body": body,
        "isBase64Encoded": false
    });
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

pub fn body(response: &Response) -> Value {
    match response.body() {
        Body::Text(text) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}
