//! Responses match the OpenAPI description.
