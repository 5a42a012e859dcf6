//! Under the connectors: a transport that hands calls to the platforms, through the plane.

use std::{sync::Arc, time::Duration};

use shared::connector::{
    Request,
    transport::{Cause, Sending, Transport, TransportError},
};

use crate::{
    fault::Place,
    plane::{Lost, Plane},
    platforms::{Failure, Platforms},
    process::Process,
    watch::Watch,
};

/// The way of one process to the platforms.
#[derive(Debug, Clone)]
pub struct Carriage {
    /// Where it leads.
    pub platforms: Arc<Platforms>,
    /// Who looks at what is sent.
    pub watch: Arc<Watch>,
    /// What goes wrong on it.
    pub plane: Arc<Plane>,
    /// Whose it is.
    pub process: Arc<Process>,
}

impl Transport for Carriage {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let name = format!("{} {}", request.method, request.url.path());
            self.watch.look_at_call(&request);
            let failure = Failure::of(&request);
            let platforms = Arc::clone(&self.platforms);
            let perform = Box::pin(async move { platforms.answer(request).await });
            let passing = self.plane.pass(&self.process, Place::Platform, &name, perform);
            match tokio::time::timeout(deadline, passing).await {
                Ok(Ok(Some(answer))) => Ok(answer),
                Ok(Err(Lost::Before)) => Err(TransportError::NotSent(Cause::Connect)),
                Ok(Ok(None) | Err(Lost::After)) => Err(TransportError::NoAnswer(Cause::Broken)),
                Ok(Err(Lost::Throttled)) => Ok(failure.rate_limited()),
                Ok(Err(Lost::Error)) => Ok(failure.failed()),
                Err(_) => Err(TransportError::NoAnswer(Cause::Timeout)),
            }
        })
    }
}
