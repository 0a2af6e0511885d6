using System.Reflection;
using AkkaCharging.Journal;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>
/// A journal that lets a test answer whether other nodes hold lanes, which a first seed node asks before it founds a
/// cluster.
/// </summary>
public class SeedsJournal : DispatchProxy
{
    private ISharedJournal _journal = null!;
    private Func<Task<bool>?> _answer = null!;

    /// <summary>Puts it before the journal of a node.</summary>
    /// <param name="answer">The test's answer; null for the journal's own.</param>
    internal static void AddTo(IServiceCollection services, Func<Task<bool>?> answer)
    {
        var journal = services.Last(service => service.ServiceType == typeof(ISharedJournal));
        services.AddSingleton(provider =>
        {
            var proxy = Create<ISharedJournal, SeedsJournal>();
            var ours = (SeedsJournal)(object)proxy;
            (ours._journal, ours._answer) = ((ISharedJournal)journal.ImplementationFactory!(provider), answer);
            return proxy;
        });
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var answer = targetMethod!.Name == nameof(ISharedJournal.AreLanesHeldElsewhereAsync) ? _answer() : null;
        return answer ?? targetMethod.Invoke(_journal, args);
    }
}
