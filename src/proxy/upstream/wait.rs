//! Waiting for a server.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Asked;
use super::group::Group;
use super::lease::Lease;
use super::queue::{News, Ticket};
use super::select::Selected;
use super::server::ServerKey;
use super::unavailable::Unavailable;

/// How long the first answer of name servers is waited for.
const LONGEST_SETTLING: Duration = Duration::from_secs(5);

impl Group {
    /// Goes on from what was found until now.
    pub(super) async fn wait(
        &self,
        asked: &Asked<'_>,
        tried: &[ServerKey],
        mut found: Selected,
    ) -> Result<Lease, Unavailable> {
        let begin = Instant::now();
        let mut ticket: Option<Ticket<'_>> = None;
        loop {
            found = match found {
                Selected::Place(lease) => return Ok(lease),
                Selected::Nobody => {
                    ticket = None;
                    self.settled(begin + LONGEST_SETTLING).await?;
                    self.select(asked, tried)
                }
                Selected::Full(keys) => {
                    let mut place = match ticket.take() {
                        Some(ticket) => ticket.accept(keys.clone()),
                        None => self
                            .queue
                            .join(keys.clone())
                            .ok_or(Unavailable::QueueFull)?,
                    };
                    // What became free since it was looked for was offered to nobody.
                    let next = match self.select(asked, tried) {
                        Selected::Full(same) if same == keys => {
                            let deadline = begin + self.config.queue.timeout;
                            match timeout_at(deadline, place.news()).await {
                                Ok(News::Place(lease)) => return Ok(lease),
                                Ok(News::LookAgain) => self.select(asked, tried),
                                Err(_) => return Err(Unavailable::QueueTimeout),
                            }
                        }
                        other => other,
                    };
                    ticket = Some(place);
                    next
                }
            }
        }
    }

    /// Waits until something changed, while there are names that were never asked for.
    async fn settled(&self, deadline: Instant) -> Result<(), Unavailable> {
        let changed = self.changed.notified();
        if !self.is_settling() {
            return Err(Unavailable::NoServer);
        }
        timeout_at(deadline, changed)
            .await
            .map_err(|_| Unavailable::NoServer)
    }
}
