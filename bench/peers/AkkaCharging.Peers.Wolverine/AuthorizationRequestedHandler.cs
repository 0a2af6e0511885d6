namespace AkkaCharging.Peers.Wolverine;

/// <summary>Decides and calls back. What it throws is retried by the policy in Program.cs.</summary>
public static class AuthorizationRequestedHandler
{
    public static Task HandleAsync(AuthorizationRequested message, Callbacks callbacks) =>
        callbacks.DeliverAsync(message);
}
