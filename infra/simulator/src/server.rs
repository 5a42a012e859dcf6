//! The listening side: one task per connection, severed ones included.

use crate::body::{Answer, Severed};
use crate::call::Call;
use crate::platforms::Platforms;
use crate::reply::Reply;
use crate::tap::Seen;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Answering = Pin<Box<dyn Future<Output = Result<Response<Answer>, Severed>> + Send>>;

/// Accepts connections until aborted; their tasks end with it.
pub(crate) async fn accept(listener: TcpListener, platforms: Platforms) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, platforms.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, platforms: Platforms) {
    let reset = Arc::new(AtomicBool::new(false));
    let wants_reset = Arc::clone(&reset);
    let service = service_fn(move |request: Request<Incoming>| -> Answering {
        let platforms = platforms.clone();
        let reset = Arc::clone(&wants_reset);
        Box::pin(async move {
            let seen = platforms.listener().map(|tap| (tap.clone(), Seen::head(&request)));
            let call = Call::read(request).await;
            if let Some((tap, head)) = seen {
                tap.show(Seen { body: call.body.clone(), ..head });
            }
            // In a task of its own: what a platform has read it carries out, whether the caller still waits or not.
            let serving = tokio::spawn(async move { platforms.serve(call).await });
            let answer = serving.await.unwrap_or(Err(Severed::Closed));
            if answer.as_ref().err() == Some(&Severed::Reset) {
                reset.store(true, Ordering::Relaxed);
            }
            answer.map(response)
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error is a client that went away, or a fault at work: either way the connection ends here.
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if reset.load(Ordering::Relaxed) {
        // Without lingering, closing sends a reset instead of a farewell.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

fn response(reply: Reply) -> Response<Answer> {
    let body = if reply.broken { Answer::broken(&reply.body) } else { Answer::whole(reply.body) };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().extend(reply.headers);
    response
}
