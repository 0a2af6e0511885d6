namespace AkkaCharging.AddressPolicy;

/// <summary>Resends a request at once on a fresh connection when a kept one turned out to be stale.</summary>
/// <remarks>
/// A receiver may close a kept connection at any time, also while a request is on its way; neither side is at fault.
/// .NET's handler resends only if no part of the body was written, because a POST is not idempotent (RFC 9110, section
/// 9.2.2). A callback is idempotent: its webhook-id stays the same, so a receiver recognizes the second copy. The
/// second handler keeps no connections, so nothing is sent more than twice. Errors: the errors of the second request if
/// one was sent, otherwise those of the first.
/// </remarks>
internal sealed class ResendingHandler : HttpMessageHandler
{
    private readonly HttpMessageInvoker _kept;
    private readonly HttpMessageInvoker _fresh;

    private ResendingHandler(HttpMessageHandler kept, HttpMessageHandler fresh) =>
        (_kept, _fresh) = (new(kept), new(fresh));

    /// <summary>
    /// Creates a handler that opens all of its connections through <paramref name="connector"/>, see
    /// <see cref="CallbackHttpHandler.Create"/>.
    /// </summary>
    /// <param name="connectTimeout">Time-out of look-up, TCP and TLS together.</param>
    /// <param name="configure">Changes both inner handlers, for tests that have a certificate authority of their
    /// own.</param>
    public static ResendingHandler Create(
        VettedConnector connector,
        TimeSpan connectTimeout,
        Action<SocketsHttpHandler>? configure = null
    )
    {
        return new ResendingHandler(Configured(keepsConnections: true), Configured(keepsConnections: false));

        SocketsHttpHandler Configured(bool keepsConnections)
        {
            var handler = CallbackHttpHandler.Create(connector, connectTimeout, keepsConnections);
            configure?.Invoke(handler);
            return handler;
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await _kept.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e)
            when (StaleConnectionException.IsCauseOf(e) && !cancellationToken.IsCancellationRequested)
        {
            // Resent below, outside of the catch block: a failure there is a failed attempt.
        }

        return await _fresh.SendAsync(request, cancellationToken);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _kept.Dispose();
            _fresh.Dispose();
        }

        base.Dispose(disposing);
    }
}
