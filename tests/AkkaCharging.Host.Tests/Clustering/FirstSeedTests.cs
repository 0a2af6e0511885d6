using System.Reflection;
using AkkaCharging.Clustering;
using AkkaCharging.Journal;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>The first seed node, which asks the journal whether it may found a cluster.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class FirstSeedTests(Nodes nodes)
{
    [Fact]
    public async Task QuestionToTheJournalThatFailsUnexpectedly_IsAskedAgain()
    {
        var port = FreePort.Next();
        await using var node = await nodes.LaunchAsync(
            await nodes.NewJournalAsync(),
            port,
            port,
            customize: services =>
            {
                var journal = services.Last(service => service.ServiceType == typeof(ISharedJournal));
                services.AddSingleton(provider =>
                    FailingOnce.Before((ISharedJournal)journal.ImplementationFactory!(provider))
                );
            }
        );

        await Nodes.HasLanesAsync(node, Nodes.Lanes);
    }

    [Fact]
    public async Task OnlySeed_WhereOthersHoldLanes_SaysThatItHasNobodyToJoin()
    {
        var journal = await nodes.NewJournalAsync();
        var (other, _) = await nodes.FoundAsync(journal);
        await using (other)
        {
            var port = FreePort.Next();
            await using var node = await nodes.LaunchAsync(journal, port, port);

            await Eventually.HoldsAsync(
                async () =>
                    (await node.GetAsync("/health"))
                        .GetProperty("components")
                        .GetProperty("cluster")
                        .GetProperty("details")
                        .GetProperty("problem")
                        .GetString() == ClusterNode.NobodyToJoin,
                "its health says so"
            );
        }
    }

    /// <summary>A journal whose first answer to the question is an exception that nobody expects.</summary>
    public class FailingOnce : DispatchProxy
    {
        private ISharedJournal _journal = null!;
        private bool _hasFailed;

        internal static ISharedJournal Before(ISharedJournal journal)
        {
            var proxy = Create<ISharedJournal, FailingOnce>();
            ((FailingOnce)(object)proxy)._journal = journal;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod!.Name != nameof(ISharedJournal.AreLanesHeldElsewhereAsync) || _hasFailed)
                return targetMethod.Invoke(_journal, args);
            _hasFailed = true;
            return Task.FromException<bool>(new InvalidOperationException("a defect"));
        }
    }
}
