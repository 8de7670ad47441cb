//! The handle of a server: what can be asked of it while it serves.
//!
//! A reload is taken whole or not at all:
//!
//! 1. What can fail comes first: the access log is opened, new addresses are bound, what connections begin with is made.
//! 2. Then the applications, limits and logs are swapped in all workers, for the next request on each connection.
//! 3. New sockets are given to the workers; those of addresses that are gone are closed, after their queues were taken.

mod outlets;
mod tell;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use self::tell::Told;

use super::ServeError;
use super::accept::{Post, Slot, Stop};
use super::admin;
use super::app::App;
use super::limit::Limit;
use super::listener::{self, Listener};
use super::plan::Plan;
use super::prologue::Prologue;
use super::sandbox::Sandbox;
use super::worker::{AnyShared, Order, Worker};
use crate::config::{Config, Limits, Listen, ListenAddress, LogConfig, TracesConfig};
use crate::header::forwarded::TrustedProxies;
use crate::observe::observer::Observer;
use crate::observe::{Outlets, Retired, process};

/// Changes a [`Server`](crate::Server) while it serves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    app: App,
    limits: Limits,
    outlets: Outlets,
    log_config: LogConfig,
    traces_config: Option<TracesConfig>,
    trusted_proxies: TrustedProxies,
    /// Logs of earlier configurations, which may still be written.
    retired: Vec<Retired>,
    /// As the configuration says.
    configured: Vec<Listen>,
    /// The sockets in use: of the configuration, or brought by the program.
    standing: Vec<Standing>,
    workers: Vec<Enlisted>,
    limit: Arc<Limit>,
    observer: Observer,
    told: Told,
}

/// A socket that a worker accepts on.
#[derive(Debug)]
struct Standing {
    /// Kept to be handed to another process, and given up before the worker's is closed.
    copy: Listener,
    prologue: Arc<Slot>,
    stop: oneshot::Sender<Stop>,
}

#[derive(Debug)]
struct Enlisted {
    shared: AnyShared,
    orders: mpsc::UnboundedSender<Order>,
}

impl Handle {
    pub(super) fn new(config: &Config, app: App) -> Result<Self, ServeError> {
        process::open();
        Ok(Self(Arc::new(Mutex::new(State {
            told: Told::new(config, &app),
            app,
            limits: config.limits.clone(),
            outlets: Outlets {
                log: super::log::open(&config.log)?,
                tracer: super::log::start_traces(config.traces.as_ref())?,
            },
            log_config: config.log.clone(),
            traces_config: config.traces.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            retired: Vec::new(),
            configured: config.listen.clone(),
            standing: Vec::new(),
            workers: Vec::new(),
            limit: Limit::new(config.limits.connections),
            observer: Observer::new(&config.admin),
        }))))
    }

    /// Takes another configuration in place of the present one: whole, or not at all.
    ///
    /// From the next request on, on connections that are open too, its sites, limits and access log count; answers under way go on as
    /// they began. A router of your own ([`Server::with_app`](crate::Server::with_app)) stays. Files that are held in memory stay there as long as the settings of
    /// the cache and of their site are the same.
    ///
    /// Listeners are compared with those of the configuration before, by their addresses as written: new ones are bound; one that stays
    /// is never closed; one that is gone is closed once the connections that wait for it are taken. Listeners that the program brought from elsewhere
    /// stay. The number of workers stays too.
    ///
    /// # Errors
    /// When the access log cannot be opened, a listener cannot be bound or set up, or a docroot is out of the process's reach (see
    /// [`Sandbox::admits`](crate::Sandbox::admits)); then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<(), ServeError> {
        self.try_reload(config).inspect_err(|error| {
            self.note_refused_configuration(error.to_string());
        })
    }

    fn try_reload(&self, config: &Config) -> Result<(), ServeError> {
        Sandbox::admits(config)?;
        let mut state = self.state();
        let plan = Plan::new(&state.configured, &config.listen);
        let log = state.log_for(&config.log)?;
        let tracer = state.tracer_for(config.traces.as_ref())?;
        let shares = state.bind(&plan.bind)?;
        let prologues = state.prologues(&plan.stay);
        if let Some(teller) = &state.told.teller {
            teller.reload(&admin::config(&config.admin))?;
        }

        state.told.renew(config);
        state.app = state.app.renewed(config);
        state.limits = config.limits.clone();
        state.trusted_proxies = config.trusted_proxies.clone();
        state.take_log(log, &config.log);
        state.outlets.tracer = tracer;
        state.traces_config.clone_from(&config.traces);
        state.configured.clone_from(&config.listen);
        state.limit.set(config.limits.connections);
        state.observer.renew(&config.admin);
        for worker in &state.workers {
            let (app, limits, trusted) = (&state.app, &state.limits, &state.trusted_proxies);
            worker.shared.renew(app, limits, &state.outlets, trusted);
        }
        for (slot, prologue) in prologues {
            slot.renew(prologue);
        }
        for (index, share) in shares.into_iter().enumerate() {
            for (listener, copy) in share {
                let post = state.post(listener, copy);
                // A worker that has ended serves nobody; its end is told elsewhere.
                let _ = state.workers[index].orders.send(Order::Listen(post));
            }
        }
        for address in &plan.close {
            state.close(address);
        }
        Ok(())
    }

    /// Opens the file of the access log again, by its name: what was renamed is left, and a new file is begun. Every record is written
    /// to one of the two. Without a log, or with one on standard output, there is nothing to do.
    ///
    /// # Errors
    /// When the file cannot be opened; then records go where they went.
    pub fn reopen_log(&self) -> Result<(), ServeError> {
        let mut state = self.state();
        let config = state.log_config.clone();
        let log = state.log_for(&config)?;
        state.take_log(log, &config);
        Ok(())
    }

    /// The sockets in use, once more, for another process.
    pub(super) fn copies(&self) -> std::io::Result<Vec<Listener>> {
        let state = self.state();
        let copies = state
            .standing
            .iter()
            .map(|standing| standing.copy.try_clone());
        copies.collect()
    }

    /// Those of the admin listener: the configured ones, not the process's own.
    pub(super) fn admin_copies(&self) -> std::io::Result<Vec<Listener>> {
        let admin = self.admin_config();
        let mut copies = self
            .teller()
            .map_or_else(|| Ok(Vec::new()), |teller| teller.copies())?;
        copies.retain(|copy| admin.listen.contains(copy.listen.address()));
        Ok(copies)
    }

    /// Workers for these listeners, each with the sockets that it accepts on.
    pub(super) fn enlist(
        &self,
        listeners: Vec<Listener>,
        workers: NonZeroUsize,
    ) -> Result<Vec<(Worker, Vec<Post>)>, ServeError> {
        let shares = with_copies(listener::share(listeners, workers)?)?;
        let mut state = self.state();
        let mut enlisted = Vec::with_capacity(workers.get());
        for share in shares {
            let (sender, orders) = mpsc::unbounded_channel();
            let (app, limits, trusted) = (&state.app, &state.limits, &state.trusted_proxies);
            let tally = state.observer.enlist();
            let common = AnyShared::new(app, limits, &state.outlets, trusted, tally);
            state.workers.push(Enlisted {
                shared: common.clone(),
                orders: sender,
            });
            let posts = share
                .into_iter()
                .map(|(listener, copy)| state.post(listener, copy));
            let posts = posts.collect();
            let limit = Arc::clone(&state.limit);
            enlisted.push((
                Worker {
                    shared: common,
                    limit,
                    orders,
                },
                posts,
            ));
        }
        Ok(enlisted)
    }

    /// No new connections; what waits in the queues is left to whoever has the sockets too.
    pub(super) fn stop_listening(&self, how: Stop) {
        let standing = std::mem::take(&mut self.state().standing);
        for Standing { copy, stop, .. } in standing {
            drop(copy);
            // A worker that has ended has closed it.
            let _ = stop.send(how);
        }
    }

    pub(super) fn drain(&self) {
        self.presence().begin_drain();
        self.stop_listening(Stop::TakeQueue);
        for worker in &self.state().workers {
            let _ = worker.orders.send(Order::Drain);
        }
    }

    /// Lets go of everything: after the end of the workers. Every record is written when this returns.
    pub(super) fn finish(&self) {
        let (outlets, retired) = {
            let mut state = self.state();
            state.standing.clear();
            state.workers.clear();
            state.told.presence.end();
            (
                std::mem::take(&mut state.outlets),
                std::mem::take(&mut state.retired),
            )
        };
        if let Some(tracer) = &outlets.tracer {
            tracer.finish();
        }
        drop(outlets);
        retired.into_iter().for_each(Retired::join);
    }

    pub(super) fn observer(&self) -> Observer {
        self.state().observer.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listeners of each worker, each with a copy.
type Shares = Vec<Vec<(Listener, Listener)>>;

/// Where to put what connections are to begin with.
type Prologues = Vec<(Arc<Slot>, Arc<Prologue>)>;

fn with_copies(shares: Vec<Vec<Listener>>) -> Result<Shares, ServeError> {
    let copied = |listener: Listener| match listener.try_clone() {
        Ok(copy) => Ok((listener, copy)),
        Err(source) => Err(ServeError::listen(&listener.local_address(), source)),
    };
    let shares = shares.into_iter();
    shares
        .map(|share| share.into_iter().map(copied).collect())
        .collect()
}

impl State {
    /// What connections are to begin with on the sockets of addresses that stay.
    fn prologues(&self, stay: &[Listen]) -> Prologues {
        let mut renewed = Vec::new();
        for listen in stay {
            let mut shared = None;
            for standing in self.at(listen.address()) {
                let prologue = match &shared {
                    Some(prologue) => Arc::clone(prologue),
                    None => Arc::new(Prologue::new(listen)),
                };
                shared = Some(Arc::clone(&prologue));
                renewed.push((Arc::clone(&standing.prologue), prologue));
            }
        }
        renewed
    }

    fn bind(&self, listens: &[Listen]) -> Result<Shares, ServeError> {
        let Some(workers) = NonZeroUsize::new(self.workers.len()) else {
            // Nobody serves yet: the program brings the listeners.
            return Ok(Vec::new());
        };
        let mut bound = Vec::with_capacity(listens.len());
        for listen in listens {
            bound.push(Listener::bind_beside(
                listen,
                self.has_port(listen.address()),
            )?);
        }
        with_copies(listener::share(bound, workers)?)
    }

    /// Whether a socket of ours has the same port on another address: the system need not keep it for us.
    fn has_port(&self, address: &ListenAddress) -> bool {
        let ListenAddress::Tcp(wanted) = address else {
            return false;
        };
        self.standing.iter().any(|standing| {
            matches!(standing.copy.local_address(), ListenAddress::Tcp(tcp) if tcp.port() == wanted.port())
        })
    }

    fn post(&mut self, listener: Listener, copy: Listener) -> Post {
        let (stop, stopped) = oneshot::channel();
        let prologue = Slot::new(listener.prologue);
        self.standing.push(Standing {
            copy,
            prologue: Arc::clone(&prologue),
            stop,
        });
        Post {
            socket: listener.socket,
            prologue,
            stop: stopped,
        }
    }

    fn at(&self, address: &ListenAddress) -> impl Iterator<Item = &Standing> {
        let is_there = move |standing: &&Standing| standing.copy.listen.address() == address;
        self.standing.iter().filter(is_there)
    }

    /// Closes the sockets of one listener at an address.
    fn close(&mut self, address: &ListenAddress) {
        // Any free port may be listened on twice: it is the later one that goes.
        let Some(local) = self
            .at(address)
            .last()
            .map(|last| last.copy.local_address())
        else {
            return;
        };
        let standing = std::mem::take(&mut self.standing);
        let (close, stay) = standing
            .into_iter()
            .partition(|standing| standing.copy.local_address() == local);
        self.standing = stay;
        for Standing { copy, stop, .. } in close {
            drop(copy);
            let _ = stop.send(Stop::TakeQueue);
        }
    }
}
