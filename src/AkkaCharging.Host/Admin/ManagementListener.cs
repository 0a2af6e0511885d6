using AkkaCharging.Host.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AkkaCharging.Host.Admin;

/// <summary>The operators' listener, whose pipeline and routes are separate from the public ones.</summary>
internal static class ManagementListener
{
    /// <summary>Marks the connections of <paramref name="listener"/>.</summary>
    /// <remarks>
    /// The socket is marked, so that neither a Host header nor the spelling of a path can lead a request from one
    /// listener to the other.
    /// </remarks>
    public static void IsForOperators(ListenOptions listener)
    {
        listener.Protocols = HttpProtocols.Http1;
        listener.Use(next =>
            connection =>
            {
                connection.Features.Set(OperatorConnection.Instance);
                return next(connection);
            }
        );
    }

    /// <summary>
    /// Serves marked connections only by the routes of <paramref name="map"/>, behind <see cref="OperatorAccess"/>.
    /// </summary>
    public static void UseManagement(this WebApplication app, Action<IEndpointRouteBuilder> map)
    {
        var access = app.Services.GetRequiredService<OperatorAccess>();
        var operators = new ApplicationBuilder(app.Services);
        operators.Use(access.CheckAsync);
        operators.UseRouting();
        operators.UseEndpoints(routes => map(routes.MapGroup("").AnswerHead().WithGroupName(AdminApi.Document)));
        var serve = operators.Build();
        app.Use(next => context => context.Features.Get<OperatorConnection>() is null ? next(context) : serve(context));
    }

    private sealed class OperatorConnection
    {
        public static readonly OperatorConnection Instance = new();
    }
}
