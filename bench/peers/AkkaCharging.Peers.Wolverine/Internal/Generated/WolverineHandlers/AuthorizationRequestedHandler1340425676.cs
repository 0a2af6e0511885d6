// Written by Wolverine: see Program.cs.
#pragma warning disable
using AkkaCharging.Peers.Wolverine;

namespace Internal.Generated.WolverineHandlers
{
    // START: AuthorizationRequestedHandler1340425676
    [global::System.CodeDom.Compiler.GeneratedCode("JasperFx", "1.0.0")]
    public sealed class AuthorizationRequestedHandler1340425676 : Wolverine.Runtime.Handlers.MessageHandler
    {
        private readonly AkkaCharging.Peers.Wolverine.Callbacks _callbacks;

        public AuthorizationRequestedHandler1340425676(AkkaCharging.Peers.Wolverine.Callbacks callbacks)
        {
            _callbacks = callbacks;
        }

        public override async System.Threading.Tasks.Task HandleAsync(
            Wolverine.Runtime.MessageContext context,
            System.Threading.CancellationToken cancellation
        )
        {
            // The actual message body
            var authorizationRequested = (AkkaCharging.Peers.Wolverine.AuthorizationRequested)context.Envelope.Message;

            Wolverine
                .Runtime.WolverineTracing.MessageActivity(context.Envelope)
                ?.SetTag("message.handler", "AkkaCharging.Peers.Wolverine.AuthorizationRequestedHandler");
            Wolverine
                .Runtime.WolverineTracing.MessageActivity(context.Envelope)
                ?.SetTag("handler.type", "AkkaCharging.Peers.Wolverine.AuthorizationRequestedHandler");

            // The actual message execution
            await AkkaCharging
                .Peers.Wolverine.AuthorizationRequestedHandler.HandleAsync(authorizationRequested, _callbacks)
                .ConfigureAwait(false);
        }
    }

    // END: AuthorizationRequestedHandler1340425676
}
