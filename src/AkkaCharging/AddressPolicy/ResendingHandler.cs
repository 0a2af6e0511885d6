namespace AkkaCharging.AddressPolicy;

/// <summary>Sends a request that met a stale connection again at once, on a fresh one.</summary>
/// <remarks>
/// A receiver may close a kept connection at any time, and a request that is on its way then is nobody's failure.
/// .NET's own handler repeats it only if no part of the body was written (RFC 9110, section 9.2.2: a POST is not
/// idempotent). A callback is: its webhook-id stays the same, so a receiver that had read the first is not misled by
/// the second. The second handler keeps no connection, so nothing is sent more than twice. Errors: those of the second
/// when there is one.
/// </remarks>
internal sealed class ResendingHandler : HttpMessageHandler
{
    private readonly HttpMessageInvoker _kept;
    private readonly HttpMessageInvoker _fresh;

    private ResendingHandler(HttpMessageHandler kept, HttpMessageHandler fresh) =>
        (_kept, _fresh) = (new(kept), new(fresh));

    /// <summary>
    /// Makes one whose connections all come from <paramref name="connector"/>, see
    /// <see cref="CallbackHttpHandler.Create"/>.
    /// </summary>
    /// <param name="connectTimeout">For look-up, TCP and TLS together.</param>
    /// <param name="configure">Told both handlers; for tests that have an authority of their own.</param>
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
            // Sent again below, outside of the handler: what fails there is an attempt that failed.
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
