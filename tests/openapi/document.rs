//! From the route tables to the OpenAPI document.

use std::collections::BTreeMap;

use tessera_lambda::operation::{Content, Parameter, Schemas, SuccessResponse, TypeSchema, ValueKind};
use tessera_lambda::{Access, Route, Scope};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema, ServerBuilder,
};

use crate::problems::{PROBLEMS, Problem};

/// The headings.
const TAGS: &[(&str, &str)] = &[
    ("Program", "The configuration: one document, or its parts."),
    ("Access", "API keys, the storefront secret, this description."),
    ("Members", "Who takes part, and what they have."),
    ("Facts", "What shops report: receipts, refunds and interactions."),
    ("Coupons", "Redeemed rewards."),
    ("Referrals", "Friends whom members bring: codes, conversions, and their review."),
    ("Events", "Where events go: webhook endpoints and connections."),
    ("Shops", "Orders and refunds that shops deliver."),
    ("Import and export", "Moving in and moving out."),
    ("Reports", "Figures, liability and notices."),
];

/// The routes that the document has: those of the API, without preflight requests and pages.
pub fn described() -> impl Iterator<Item = Route> {
    routes().map(|(_, route)| route).filter(|route| route.method != "OPTIONS" && route.path.starts_with("/v1/"))
}

/// The routes of every function, with the function's name.
pub fn routes() -> impl Iterator<Item = (&'static str, Route)> {
    tessera_local::platform::ROUTES
        .iter()
        .flat_map(|(function, routes)| routes.iter().copied().flatten().map(move |route| (*function, *route)))
}

fn method(route: &Route) -> HttpMethod {
    match route.method {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        other => panic!("{other} is not described"),
    }
}

/// The request headers of a route.
fn headers(route: &Route) -> Vec<Parameter> {
    let mut headers: Vec<Parameter> = route.operation.headers.into_iter().flatten().collect();
    if route.takes_idempotency_key {
        headers.push(Parameter::IDEMPOTENCY_KEY);
    }
    // An API key's misses of these look-ups count per shopper.
    let is_look_up = route.path.contains("{member}") || route.path.contains("{code}");
    if is_look_up && route.access.needs_credentials() {
        headers.push(Parameter::CLIENT);
    }
    headers
}

/// The statuses of a route's problem documents.
fn problems(route: &Route) -> Vec<u16> {
    let mut all: Vec<u16> = route.operation.problems.into_iter().flatten().collect();
    // Any request may be malformed: its path, its query, a header.
    all.extend([400, 429, 503]);
    if route.path.contains('{') {
        all.push(404);
    }
    if route.access != Access::Public {
        all.extend([401, 403]);
    }
    if route.method != "GET" {
        all.push(413);
    }
    if route.operation.body.is_some() {
        all.push(415);
    }
    if route.method == "POST" {
        all.extend([409, 422]);
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn values(kind: ValueKind) -> Schema {
    let object = ObjectBuilder::new();
    let object = match kind {
        ValueKind::Text => object.schema_type(Type::String),
        ValueKind::TextBetween(least, most) => {
            object.schema_type(Type::String).min_length(Some(least)).max_length(Some(most))
        }
        ValueKind::Between(least, most) => object.schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most)),
        ValueKind::Boolean => object.schema_type(Type::Boolean),
    };
    object.build().into()
}

fn reference(schema: TypeSchema) -> Ref {
    Ref::from_schema_name(schema.name())
}

/// The whole document.
pub fn document() -> OpenApi {
    let mut schemas: Schemas = Vec::new();
    TypeSchema::of::<Problem>().collect(&mut schemas);
    let mut paths: BTreeMap<&str, PathItem> = BTreeMap::new();
    for route in described() {
        let item = PathItem::new(method(&route), operation(&route, &mut schemas));
        match paths.get_mut(route.path) {
            Some(known) => known.merge_operations(item),
            None => {
                paths.insert(route.path, item);
            }
        }
    }
    let paths = paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Tessera")
                .version("v1")
                .description(Some(
                    "Loyalty programs: members, receipts, points, tiers, rewards. Money is a decimal text in the \
                     currency's precision, points are whole numbers, times are RFC 3339 with their offset. On writes \
                     an unknown field is an error. Errors are RFC 9457 problem documents, except the gateway's own: 401 \
                     without `Authorization`, 413 and 429 above its limits, and 503 carry `{ \"message\": … }`.",
                ))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build())),
        )
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The stack that serves this document."))
            .build()]))
        .paths(paths)
        .components(Some(components(schemas)))
        .tags(Some(TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())))
        .build()
}

fn operation(route: &Route, schemas: &mut Schemas) -> OperationBuilder {
    let declared = route.operation;
    let mut operation = OperationBuilder::new()
        .operation_id(Some(declared.id))
        .summary(Some(declared.summary))
        .tag(declared.tag)
        .description(Some(description(route)));
    let in_path = route.path.split(['{', '}']).skip(1).step_by(2).map(|name| {
        let known = Parameter::OF_PATHS.into_iter().find(|parameter| parameter.name == name);
        (known.unwrap_or_else(|| panic!("{name} is in Parameter::OF_PATHS")), ParameterIn::Path)
    });
    let in_query = declared.queries.into_iter().flatten().map(|parameter| (parameter, ParameterIn::Query));
    let in_header = headers(route).into_iter().map(|parameter| (parameter, ParameterIn::Header));
    for (parameter, place) in in_path.chain(in_query).chain(in_header) {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        // What is put often has the identifier of its path.
        let put = declared.body.filter(|_| route.method == "PUT" && place == ParameterIn::Path);
        operation = operation.parameter(
            ParameterBuilder::new()
                .example(put.and_then(|body| (body.example)().get(parameter.name).cloned()))
                .name(parameter.name)
                .parameter_in(place)
                .required(required)
                .description(Some(parameter.text))
                .schema(Some(values(parameter.values))),
        );
    }
    if let Some(body) = declared.body {
        body.schema.collect(schemas);
        let example = Some((body.example)());
        let content = ContentBuilder::new().schema(Some(reference(body.schema))).example(example).build();
        let required = if body.is_required { Required::True } else { Required::False };
        operation = operation.request_body(Some(
            RequestBodyBuilder::new().content("application/json", content).required(Some(required)).build(),
        ));
    }
    if let Some(body) = declared.text_body {
        let text: Schema = ObjectBuilder::new().schema_type(Type::String).build().into();
        let content = ContentBuilder::new().schema(Some(text)).example(Some(body.example.into())).build();
        operation = operation.request_body(Some(
            RequestBodyBuilder::new().content(body.media, content).required(Some(Required::True)).build(),
        ));
    }
    for success in declared.responses.into_iter().flatten() {
        operation = operation.response(success.status.to_string(), response(success, route, schemas));
    }
    for status in problems(route) {
        let name = PROBLEMS.iter().find(|problem| problem.0 == status).expect("described in problems.rs").1;
        operation = operation.response(status.to_string(), RefOr::Ref(Ref::from_response_name(name)));
    }
    // Requirements are alternatives. A key's names the scope that it needs, as OpenAPI 3.1 allows for every kind of scheme.
    let key = |scope: Scope| SecurityRequirement::new("api_key", [scope.name()]);
    let requirements = match route.access {
        Access::Scope(scope) => vec![key(scope)],
        Access::ScopeOrMember(scope) => vec![key(scope), member_token()],
        Access::AnyKey => vec![SecurityRequirement::new::<_, [&str; 0], &str>("api_key", [])],
        Access::MemberOrAnonymous => vec![member_token(), SecurityRequirement::default()],
        Access::Public => Vec::new(),
    };
    operation.securities(Some(requirements))
}

fn description(route: &Route) -> String {
    let who = match route.access {
        Access::Scope(scope) => format!("Scope: `{}`.", scope.name()),
        Access::ScopeOrMember(scope) => format!("Scope: `{}`; or the member's own token.", scope.name()),
        Access::AnyKey => "Any API key.".to_owned(),
        Access::MemberOrAnonymous => "A member token, or none with `program`.".to_owned(),
        Access::Public => "No credentials.".to_owned(),
    };
    [route.operation.details, &who].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn response(success: SuccessResponse, route: &Route, schemas: &mut Schemas) -> ResponseBuilder {
    let mut response = ResponseBuilder::new().description(success.text);
    if route.access != Access::Public {
        response = response
            .header_ref("Cache-Control", Ref::new("#/components/headers/CacheControl"))
            .header_ref("X-Content-Type-Options", Ref::new("#/components/headers/ContentTypeOptions"));
    }
    let schema: RefOr<Schema> = match success.content {
        Content::Nothing => return response,
        Content::Svg => {
            let picture: Schema = ObjectBuilder::new().schema_type(Type::String).build().into();
            return response.content("image/svg+xml", ContentBuilder::new().schema(Some(picture)).build());
        }
        Content::Text(media) => {
            let text: Schema = ObjectBuilder::new().schema_type(Type::String).build().into();
            return response.content(media, ContentBuilder::new().schema(Some(text)).build());
        }
        Content::Any => ObjectBuilder::new().schema_type(Type::Object).build().into(),
        Content::One(schema) => {
            schema.collect(schemas);
            reference(schema).into()
        }
        Content::List(schema) => {
            schema.collect(schemas);
            list(reference(schema).to_array_builder().build()).into()
        }
    };
    if route.operation.has_etag {
        response = response.header_ref("ETag", Ref::new("#/components/headers/ProgramVersion"));
    }
    response.content("application/json", ContentBuilder::new().schema(Some(schema)).build())
}

fn list(items: Array) -> Schema {
    let cursor = ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("Where the next page begins; null on the last one."));
    ObjectBuilder::new()
        .property("items", items)
        .property("next_cursor", cursor)
        .required("items")
        .required("next_cursor")
        .build()
        .into()
}

fn member_token() -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], &str>("member_token", [])
}

fn components(mut schemas: Schemas) -> utoipa::openapi::Components {
    schemas.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in schemas.windows(2) {
        let same =
            pair[0].0 != pair[1].0 || serde_json::to_value(&pair[0].1).ok() == serde_json::to_value(&pair[1].1).ok();
        assert!(same, "two types are called {}", pair[0].0);
    }
    schemas.dedup_by(|a, b| a.0 == b.0);
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas);
    for (status, name, text) in PROBLEMS {
        let content = ContentBuilder::new().schema(Some(reference(TypeSchema::of::<Problem>()))).build();
        let mut response = ResponseBuilder::new().description(*text).content("application/problem+json", content);
        if matches!(status, 429 | 503) {
            response = response.header_ref("Retry-After", Ref::new("#/components/headers/RetryAfter"));
        }
        components = components.response(*name, response.build());
    }
    let key = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key of the program, `tsk_…`, with scopes."));
    let token = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
        "A token of one member, made by the shop's backend: HS256 with the program's storefront secret, `iss` the \
         program's id, `sub` the member's id, `exp` at most one hour ahead.",
    ));
    components
        .security_scheme("api_key", SecurityScheme::Http(key.build()))
        .security_scheme("member_token", SecurityScheme::Http(token.build()))
        .build()
}
