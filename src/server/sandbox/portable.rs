//! Where there is no Landlock.

use super::Sandbox;
use crate::server::ServeError;

/// There is no fence, which is an error if one is required.
pub(super) fn put_up(_: &Sandbox, is_required: bool) -> Result<bool, ServeError> {
    if is_required {
        return Err(ServeError::Sandbox {
            step: "this system has no Landlock".to_owned(),
            source: None,
        });
    }
    Ok(false)
}
