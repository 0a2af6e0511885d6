namespace AkkaCharging.Peers.Wolverine;

/// <summary>The bare peer's decision and callback, where an answer other than 2xx is an error.</summary>
public sealed class Callbacks(string aclFile)
{
    private readonly CallbackClient _client = new(aclFile);

    /// <exception cref="HttpRequestException">There was no answer, or one that is not 2xx.</exception>
    /// <exception cref="TaskCanceledException">There was none within 10 s.</exception>
    public async Task DeliverAsync(AuthorizationRequested message)
    {
        var status = await _client.PostAsync(
            new Accepted(message.RequestId, message.StationId, message.DriverToken, message.Callback)
        );
        if (status is < 200 or > 299)
            throw new HttpRequestException($"The receiver answered {status}.");
    }
}
