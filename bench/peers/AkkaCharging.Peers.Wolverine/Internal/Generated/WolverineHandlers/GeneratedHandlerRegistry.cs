// Written by Wolverine: see Program.cs.
#pragma warning disable

namespace Internal.Generated.WolverineHandlers
{
    // START: GeneratedHandlerRegistry
    [global::System.CodeDom.Compiler.GeneratedCode("JasperFx", "1.0.0")]
    public sealed class GeneratedHandlerRegistry : Wolverine.Runtime.Handlers.HandlerRegistry
    {
        public override System.Type[] HandlerTypes()
        {
            return new System.Type[] { typeof(AkkaCharging.Peers.Wolverine.AuthorizationRequestedHandler) };
        }

        public override System.Type[] MessageTypes()
        {
            return System.Array.Empty<System.Type>();
        }
    }

    // END: GeneratedHandlerRegistry
}
