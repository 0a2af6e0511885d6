using AkkaCharging.Host.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// The operators' listener: a pipeline with routes of its own, which share nothing with the public ones.
/// </summary>
internal static class ManagementListener
{
    /// <summary>Marks the connections of <paramref name="listener"/>.</summary>
    /// <remarks>
    /// The mark is the socket's, so that no Host header and no spelling of a path takes a request from one listener to
    /// the other.
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
    /// Serves the marked connections by <paramref name="map"/>'s routes alone, each of them behind
    /// <see cref="OperatorAccess"/>.
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
