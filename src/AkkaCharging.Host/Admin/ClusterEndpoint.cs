using AkkaCharging.Clustering;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;

namespace AkkaCharging.Host.Admin;

/// <summary>Serves the nodes of the cluster as this one sees them, and the holders of the lanes.</summary>
internal static class ClusterEndpoint
{
    /// <summary>Maps <c>/admin/cluster</c>.</summary>
    public static void MapCluster(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet("/admin/cluster", AnswerAsync)
            .Describe(
                "showCluster",
                "Nodes as this one sees them, and lanes as stored in the journal",
                "Empty for a standalone process."
            )
            .Produces<ClusterAnswer>()
            .ProducesErrors(503);

    private static async Task AnswerAsync(HttpContext context, IServiceProvider services)
    {
        if (
            services.GetService<ClusterNode>() is not { } node
            || services.GetService<ISharedJournal>() is not { } journal
        )
        {
            await context.WriteJsonAsync(
                StatusCodes.Status200OK,
                new(Enabled: false, [], []),
                AdminJson.Default.ClusterAnswer
            );
            return;
        }

        try
        {
            var lanes = await journal.ListLanesAsync(context.RequestAborted);
            await context.WriteJsonAsync(
                StatusCodes.Status200OK,
                new(
                    Enabled: true,
                    [
                        .. node.Nodes.Select(other => new NodeAnswer(
                            other.Address,
                            other.Status.ToString().ToLowerInvariant(),
                            other.IsReachable,
                            other.IsOurs
                        )),
                    ],
                    [
                        .. lanes.Select(lane => new LaneAnswer(
                            lane.Lane,
                            lane.Holder,
                            lane.IsOurs,
                            lane.TakenAt?.ToUnixTimeMilliseconds()
                        )),
                    ]
                ),
                AdminJson.Default.ClusterAnswer
            );
        }
        catch (JournalUnavailableException)
        {
            await context.WriteJournalUnavailableAsync();
        }
    }
}
