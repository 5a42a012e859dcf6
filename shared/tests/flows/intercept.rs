//! A closure that stands between the SDK and the emulators.

use std::fmt;

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::{HttpRequest, HttpResponse},
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};

/// Sees every request before it leaves.
#[derive(Clone)]
pub(crate) struct OnRequest<F>(pub(crate) F);

/// Sees every answer before it is read.
#[derive(Clone)]
pub(crate) struct OnAnswer<F>(pub(crate) F);

impl<F> fmt::Debug for OnRequest<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnRequest")
    }
}

impl<F> fmt::Debug for OnAnswer<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnAnswer")
    }
}

impl<F: Fn(&mut HttpRequest) + Send + Sync> Intercept for OnRequest<F> {
    fn name(&self) -> &'static str {
        "OnRequest"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        (self.0)(context.request_mut());
        Ok(())
    }
}

impl<F: Fn(&mut HttpResponse) + Send + Sync> Intercept for OnAnswer<F> {
    fn name(&self) -> &'static str {
        "OnAnswer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        (self.0)(context.response_mut());
        Ok(())
    }
}
