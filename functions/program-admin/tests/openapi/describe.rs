//! From a list of routes to the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use tessera_lambda::{Access, Scope};

use crate::examples;
use crate::problems::{PROBLEMS, Problem};

/// The routes of every function of the API.
pub const DECLARED: [&[tessera_lambda::Route]; 6] = [
    tessera_access_admin::ROUTES,
    tessera_customer_hub::ROUTES,
    tessera_enrollment::ROUTES,
    tessera_program_admin::ROUTES,
    tessera_receipt_ingestion::ROUTES,
    tessera_reward_redemption::ROUTES,
];

/// Schemas by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// A type as the document knows it: its name, and how it and all that it mentions are described.
#[derive(Clone, Copy)]
pub struct Described {
    name: fn() -> std::borrow::Cow<'static, str>,
    schema: fn() -> RefOr<Schema>,
    mentions: fn(&mut Schemas),
}

impl Described {
    /// A type.
    pub fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: <T as PartialSchema>::schema, mentions: <T as ToSchema>::schemas }
    }

    fn reference(self) -> Ref {
        Ref::from_schema_name((self.name)())
    }

    fn collect(self, schemas: &mut Schemas) {
        schemas.push(((self.name)().into_owned(), (self.schema)()));
        (self.mentions)(schemas);
    }
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub enum Carries {
    /// Nothing.
    Nothing,
    /// One thing.
    One(Described),
    /// A list without further pages, or a page of a list: `{ "items", "next_cursor" }`.
    List(Described),
    /// Any JSON object.
    Any,
}

/// One route.
pub struct Route {
    pub method: HttpMethod,
    pub path: &'static str,
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    details: String,
    access: Access,
    body: Option<(Described, bool)>,
    queries: Vec<&'static str>,
    headers: Vec<&'static str>,
    etag: bool,
    answers: Vec<(u16, &'static str, Carries)>,
    problems: Vec<u16>,
}

impl Route {
    /// A route that a function declares, and what it is called.
    pub fn new(method: HttpMethod, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let headers = if method == HttpMethod::Post { vec!["Idempotency-Key"] } else { Vec::new() };
        let problems = if path.contains('{') { vec![404] } else { Vec::new() };
        let key = format!("{} {path}", method_name(&method));
        let declared = DECLARED.iter().flat_map(|routes| routes.iter()).find(|route| route.key == key);
        let access = declared.unwrap_or_else(|| panic!("no function declares {key}")).access;
        Self {
            method,
            path,
            tag: "",
            id,
            summary,
            details: String::new(),
            access,
            body: None,
            queries: Vec::new(),
            headers,
            etag: false,
            answers: Vec::new(),
            problems,
        }
    }

    /// Under which heading it stands.
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// What else is to be said of it.
    pub fn details(mut self, details: &'static str) -> Self {
        details.clone_into(&mut self.details);
        self
    }

    /// What it takes.
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some((Described::of::<T>(), true));
        self
    }

    /// What it may take.
    pub fn may_take<T: ToSchema>(mut self) -> Self {
        self.body = Some((Described::of::<T>(), false));
        self
    }

    /// A query parameter.
    pub fn query(mut self, name: &'static str) -> Self {
        self.queries.push(name);
        self
    }

    /// A request header.
    pub fn header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }

    /// Its responses have texts in the shopper's language.
    pub fn localized(self) -> Self {
        self.query("locale").header("Accept-Language")
    }

    /// Its answers carry the version of the program.
    pub fn etag(mut self) -> Self {
        self.etag = true;
        self
    }

    /// An answer with something in it.
    pub fn gives<T: ToSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers(status, description, Carries::One(Described::of::<T>()))
    }

    /// An answer with a list.
    pub fn lists<T: ToSchema>(self, description: &'static str) -> Self {
        self.answers(200, description, Carries::List(Described::of::<T>()))
    }

    /// An answer.
    pub fn answers(mut self, status: u16, description: &'static str, carries: Carries) -> Self {
        self.answers.push((status, description, carries));
        self
    }

    /// Problems besides those that every such route has.
    pub fn fails(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(statuses);
        self
    }

    /// The statuses of its problem documents.
    fn all_problems(&self) -> Vec<u16> {
        let mut all = self.problems.clone();
        // Any request may be malformed: its path, its query, a header.
        all.extend([400, 429, 503]);
        if self.access != Access::Public {
            all.extend([401, 403]);
        }
        if self.method != HttpMethod::Get {
            all.push(413);
        }
        if self.body.is_some() {
            all.push(415);
        }
        if self.method == HttpMethod::Post {
            all.extend([409, 422]);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The method in capitals.
pub fn method_name(method: &HttpMethod) -> String {
    serde_json::to_value(method).unwrap().as_str().unwrap().to_uppercase()
}

/// A path or query parameter, or a header.
pub struct Parameter {
    pub name: &'static str,
    pub text: &'static str,
    pub values: Values,
}

/// The values that a parameter accepts.
pub enum Values {
    /// Any text.
    Text,
    /// A text of these lengths.
    TextOf(usize, usize),
    /// A whole number between two others.
    Between(usize, usize),
    /// `true` or `false`.
    Boolean,
}

impl Values {
    fn schema(&self) -> Schema {
        let object = ObjectBuilder::new();
        let object = match self {
            Self::Text => object.schema_type(Type::String),
            Self::TextOf(least, most) => {
                object.schema_type(Type::String).min_length(Some(*least)).max_length(Some(*most))
            }
            Self::Between(least, most) => object.schema_type(Type::Integer).minimum(Some(*least)).maximum(Some(*most)),
            Self::Boolean => object.schema_type(Type::Boolean),
        };
        object.build().into()
    }
}

/// The whole document.
pub fn document(routes: &[Route], parameters: &[Parameter], tags: &[(&str, &str)]) -> OpenApi {
    let mut schemas: Schemas = Vec::new();
    Described::of::<Problem>().collect(&mut schemas);
    let mut paths: BTreeMap<&str, PathItem> = BTreeMap::new();
    for route in routes {
        let operation = operation(route, parameters, &mut schemas);
        let item = PathItem::new(route.method.clone(), operation);
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
                     a field that is not known is an error.",
                ))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build())),
        )
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The stack that serves this document."))
            .build()]))
        .paths(paths)
        .components(Some(components(schemas)))
        .tags(Some(tags.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())))
        .build()
}

fn operation(route: &Route, parameters: &[Parameter], schemas: &mut Schemas) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .tag(route.tag)
        .description(Some(description(route)));
    let in_path = route.path.split(['{', '}']).skip(1).step_by(2).map(|name| (name, ParameterIn::Path));
    let in_query = route.queries.iter().map(|name| (*name, ParameterIn::Query));
    let in_header = route.headers.iter().map(|name| (*name, ParameterIn::Header));
    for (name, place) in in_path.chain(in_query).chain(in_header) {
        let known = parameters.iter().find(|parameter| parameter.name == name);
        let known = known.unwrap_or_else(|| panic!("{name} is described in parameters.rs"));
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        // What is put has the identifier of its path.
        let is_put = route.method == HttpMethod::Put && place == ParameterIn::Path;
        let example = is_put.then(|| examples::body(route.id)[name].clone());
        operation = operation.parameter(
            ParameterBuilder::new()
                .example(example)
                .name(name)
                .parameter_in(place)
                .required(required)
                .description(Some(known.text))
                .schema(Some(known.values.schema())),
        );
    }
    if let Some((body, required)) = route.body {
        body.collect(schemas);
        let example = Some(examples::body(route.id));
        let content = ContentBuilder::new().schema(Some(body.reference())).example(example).build();
        let required = if required { Required::True } else { Required::False };
        operation = operation.request_body(Some(
            RequestBodyBuilder::new().content("application/json", content).required(Some(required)).build(),
        ));
    }
    for (status, text, carries) in &route.answers {
        operation = operation.response(status.to_string(), answer(text, *carries, route, schemas));
    }
    for status in route.all_problems() {
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
    [route.details.as_str(), &who].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn answer(text: &str, carries: Carries, route: &Route, schemas: &mut Schemas) -> ResponseBuilder {
    let mut response = ResponseBuilder::new().description(text);
    if route.access != Access::Public {
        response = response
            .header_ref("Cache-Control", Ref::new("#/components/headers/CacheControl"))
            .header_ref("X-Content-Type-Options", Ref::new("#/components/headers/ContentTypeOptions"));
    }
    let schema: RefOr<Schema> = match carries {
        Carries::Nothing => return response,
        Carries::Any => ObjectBuilder::new().schema_type(Type::Object).build().into(),
        Carries::One(described) => {
            described.collect(schemas);
            described.reference().into()
        }
        Carries::List(described) => {
            described.collect(schemas);
            list(described.reference().to_array_builder().build()).into()
        }
    };
    if route.etag {
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
        let content = ContentBuilder::new().schema(Some(Described::of::<Problem>().reference())).build();
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
