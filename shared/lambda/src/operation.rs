//! How the API description shows a route: names, parameters, bodies, responses.
//!
//! Only the generator of `openapi.json` reads this. Schemas exist with the cargo feature `openapi` alone, which deployed
//! functions are built without; what remains in them is a few kilobytes of text.

use serde_json::Value;

/// A type that the API description can show. Without the feature `openapi`, every type is one.
#[cfg(feature = "openapi")]
pub trait Schema: utoipa::ToSchema {}
#[cfg(feature = "openapi")]
impl<T: utoipa::ToSchema> Schema for T {}
/// A type that the API description can show. Without the feature `openapi`, every type is one.
#[cfg(not(feature = "openapi"))]
pub trait Schema {}
#[cfg(not(feature = "openapi"))]
impl<T> Schema for T {}

/// Schemas by name.
#[cfg(feature = "openapi")]
pub type Schemas = Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>;

/// A type's name and schema, and those of the types inside it. Empty without the feature `openapi`.
#[derive(Debug, Clone, Copy)]
pub struct TypeSchema {
    #[cfg(feature = "openapi")]
    name: fn() -> std::borrow::Cow<'static, str>,
    #[cfg(feature = "openapi")]
    schema: fn() -> utoipa::openapi::RefOr<utoipa::openapi::Schema>,
    #[cfg(feature = "openapi")]
    inner: fn(&mut Schemas),
}

impl TypeSchema {
    /// The schema of a type.
    #[cfg(feature = "openapi")]
    pub const fn of<T: Schema>() -> Self {
        Self { name: T::name, schema: <T as utoipa::PartialSchema>::schema, inner: <T as utoipa::ToSchema>::schemas }
    }

    /// The schema of a type.
    #[cfg(not(feature = "openapi"))]
    pub const fn of<T: Schema>() -> Self {
        Self {}
    }

    /// The name under which the document has it.
    #[cfg(feature = "openapi")]
    pub fn name(self) -> String {
        (self.name)().into_owned()
    }

    /// Adds it, and the types inside it, to the document's schemas.
    #[cfg(feature = "openapi")]
    pub fn collect(self, schemas: &mut Schemas) {
        schemas.push((self.name(), (self.schema)()));
        (self.inner)(schemas);
    }
}

/// Length limit of the reason of an administrative change, in bytes.
pub(crate) const MAX_REASON_BYTES: usize = 500;

/// The values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// A text whose length lies between two bounds.
    TextBetween(usize, usize),
    /// A whole number between two bounds.
    Between(usize, usize),
    /// `true` or `false`.
    Boolean,
}

/// A parameter of a path or a query, or a request header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub text: &'static str,
    /// Which values it takes.
    pub values: ValueKind,
}

impl Parameter {
    /// `?locale`.
    pub const LOCALE: Self = Self::text("locale", "The language of texts for shoppers.");
    /// `?limit`.
    pub const LIMIT: Self = Self {
        values: ValueKind::Between(1, 250),
        ..Self::text("limit", "The maximum number of items; 50 when absent.")
    };
    /// `?cursor`.
    pub const CURSOR: Self = Self::text("cursor", "Where the page begins: the `next_cursor` of the previous page.");
    /// `?program`.
    pub const PROGRAM: Self = Self::text("program", "The program's id, for requests without credentials.");
    /// `If-Match`.
    pub const IF_MATCH: Self = Self::text(
        "If-Match",
        "The version that the change is based on; if it is no longer current: 409 `stale_version`.",
    );
    /// `Accept-Language`.
    pub const ACCEPT_LANGUAGE: Self = Self::text("Accept-Language", "The languages of texts for shoppers.");
    /// `Idempotency-Key`.
    pub const IDEMPOTENCY_KEY: Self = Self {
        values: ValueKind::TextBetween(1, 255),
        ..Self::text("Idempotency-Key", "The same request with the same key gets the first response again.")
    };
    /// `Tessera-Client`.
    pub const CLIENT: Self = Self::text(
        "Tessera-Client",
        "Names the shopper on whose behalf an API key looks something up: misses count per key and shopper.",
    );
    /// `Tessera-Reason`.
    pub const REASON: Self = Self {
        values: ValueKind::TextBetween(1, MAX_REASON_BYTES),
        ..Self::text("Tessera-Reason", "Why the change is made, for the audit.")
    };
    /// The parameters that stand in paths.
    pub const OF_PATHS: [Self; 11] = [
        Self::text("connection", "The name of the connection."),
        Self::text("id", "The identifier."),
        Self::text("n", "The number of the part, from 1."),
        Self::text("kind", "The kind of what is restored, as in `GET /v1/export`."),
        Self::text("entry", "The event's id: an entry's, or `{entry}:{n}`."),
        Self::text("delivery", "The delivery's identifier."),
        Self::text("version", "The number of a version of the program."),
        Self::text("source", "The member who becomes part of another, named like `member`."),
        Self::text("program", "The program."),
        Self::text(
            "member",
            "The shop's own id of the member, or `card:…`, `email:…`, `phone:+39…`, or our own `m_…`.",
        ),
        Self::text(
            "code",
            "The code. Case, `-` and spaces are ignored; in generated codes O reads as 0, I and L as 1.",
        ),
    ];

    /// A parameter that takes any text.
    pub const fn text(name: &'static str, text: &'static str) -> Self {
        Self { name, text, values: ValueKind::Text }
    }
}

/// A request body.
#[derive(Debug, Clone, Copy)]
pub struct RequestBody {
    /// Its schema.
    pub schema: TypeSchema,
    /// Whether a request without a body is malformed.
    pub is_required: bool,
    /// An example of it, which the route accepts.
    #[cfg(feature = "openapi")]
    pub example: fn() -> Value,
}

/// The body of a successful response.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// No body.
    Nothing,
    /// One JSON object.
    One(TypeSchema),
    /// A list without further pages, or one page of a list: `{ "items", "next_cursor" }`.
    List(TypeSchema),
    /// Any JSON object.
    Any,
    /// A picture.
    Svg,
    /// Text of this media type.
    Text(&'static str),
}

/// A request body that is not JSON.
#[derive(Debug, Clone, Copy)]
pub struct TextBody {
    /// Its media type.
    pub media: &'static str,
    /// An example of it.
    pub example: &'static str,
}

/// A successful response.
#[derive(Debug, Clone, Copy)]
pub struct SuccessResponse {
    /// The HTTP status.
    pub status: u16,
    /// When it is sent.
    pub text: &'static str,
    /// Its body.
    pub content: Content,
}

/// What the API description says of one route.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The operation id.
    pub id: &'static str,
    /// The heading that it stands under.
    pub tag: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else there is to know.
    pub details: &'static str,
    /// Its request body.
    pub body: Option<RequestBody>,
    /// Its request body, where that is not JSON.
    pub text_body: Option<TextBody>,
    /// Its query parameters.
    pub queries: [Option<Parameter>; 8],
    /// Its request headers, without those that every such route has.
    pub headers: [Option<Parameter>; 3],
    /// Whether its responses carry the version of the program as `ETag`.
    pub has_etag: bool,
    /// Its successful responses.
    pub responses: [Option<SuccessResponse>; 3],
    /// Problem statuses that nothing else implies.
    pub problems: [Option<u16>; 4],
}

impl Operation {
    pub(crate) const EMPTY: Self = Self {
        id: "",
        tag: "",
        summary: "",
        details: "",
        body: None,
        text_body: None,
        queries: [None; 8],
        headers: [None; 3],
        has_etag: false,
        responses: [None; 3],
        problems: [None; 4],
    };

    #[cfg_attr(
        not(feature = "openapi"),
        expect(unused_variables, reason = "examples are left out of deployed functions")
    )]
    pub(crate) const fn with_body(mut self, schema: TypeSchema, is_required: bool, example: fn() -> Value) -> Self {
        self.body = Some(RequestBody {
            schema,
            is_required,
            #[cfg(feature = "openapi")]
            example,
        });
        self
    }

    pub(crate) const fn with_query(mut self, parameter: Parameter) -> Self {
        self.queries = with(self.queries, parameter);
        self
    }

    pub(crate) const fn with_header(mut self, parameter: Parameter) -> Self {
        self.headers = with(self.headers, parameter);
        self
    }

    pub(crate) const fn with_response(mut self, status: u16, text: &'static str, content: Content) -> Self {
        self.responses = with(self.responses, SuccessResponse { status, text, content });
        self
    }

    pub(crate) const fn with_problem(mut self, status: u16) -> Self {
        self.problems = with(self.problems, status);
        self
    }
}

/// A list with one more item, in its first free place. A full list fails the build.
const fn with<T: Copy, const N: usize>(mut list: [Option<T>; N], item: T) -> [Option<T>; N] {
    let mut place = 0;
    while list[place].is_some() {
        place += 1;
    }
    list[place] = Some(item);
    list
}
