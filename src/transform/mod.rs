//! What is done to answers, apart from what they are.

pub(crate) mod cache_policy;
pub(crate) mod compression;
pub(crate) mod error_body;
